use super::*;
use crate::suppress::TokenSet;
use proptest::prelude::*;
use std::sync::Arc;

fn start(text: &str) -> GrammarState {
    GrammarState::new(Arc::new(Grammar::parse(text, "root").unwrap_or_else(|error| panic!("{error}\n{text}"))))
}

fn matches(text: &str, input: impl AsRef<[u8]>) -> bool {
    let mut state = start(text);
    state.accept(input.as_ref());
    state.can_end()
}

fn problem(text: &str) -> (usize, usize, GrammarProblem) {
    let error = Grammar::parse(text, "root").expect_err(text);
    (error.line, error.column, error.problem)
}

#[test]
fn elements_match_what_they_say() {
    assert!(matches(r#"root ::= "red" | "green""#, "green"));
    assert!(!matches(r#"root ::= "red" | "green""#, "gree"));
    assert!(matches("root ::= [a-c]+ [^0-9] .?", "abcx€"));
    assert!(!matches("root ::= [a-c]+ [^0-9]", "ab5"));
    assert!(matches(r#"root ::= """#, ""));
    assert!(matches("root ::= ", ""));
    assert!(matches(r#"root ::= ("a" | "b")* "c""#, "abbac"));
    assert!(matches(r#"root ::= "ab"{2}"#, "abab"));
    assert!(!matches(r#"root ::= "ab"{2}"#, "ababab"));
    assert!(matches(r#"root ::= "a"{2,}"#, "aaaaa") && !matches(r#"root ::= "a"{2,}"#, "a"));
    assert!(matches(r#"root ::= "a"{0,2} "b""#, "aab") && !matches(r#"root ::= "a"{0,2} "b""#, "aaab"));
    assert!(matches(r#"root ::= "\x41\u00e4\U0001F642\n\"\\" [\]\-\[]"#, "Aä🙂\n\"\\-"));
    assert!(matches("root ::= [a-]", "-") && matches("root ::= [-a]", "-") && !matches("root ::= [a-]", "b"));
    assert!(matches("root ::= [^]", "x") && start("root ::= []").is_dead());
}

#[test]
fn rules_comments_and_lines() {
    let text = "# colours\nroot ::= (\n  colour # one\n  \",\" root\n) | colour\n\ncolour ::= \"red\"\n  | \"blue\" # two\r\nunused-rule ::= [x]";
    assert!(matches(text, "red,blue,red"));
    assert!(!matches(text, "red,"));
    assert!(matches("root ::= a\na ::= b b\nb::=\"x\"?", "xx"));
}

#[test]
fn recursion_nests() {
    let text = r#"root ::= "(" root ")" root | """#;
    for (input, good) in [("", true), ("(())()", true), ("(()", false), (")", false), ("()()((()))", true)] {
        assert_eq!(matches(text, input), good, "{input}");
    }
    // The mirror image: ends only where the middle can be.
    let palindrome = r#"root ::= "a" root "a" | "b" root "b" | """#;
    assert!(matches(palindrome, "abba") && matches(palindrome, "aabbaa") && !matches(palindrome, "aab"));
}

#[test]
fn ambiguity_and_empty_matches_stay_small() {
    let text = "root ::= s s s s\ns ::= (\"a\" | \"a\"? s2 | \"\")*\ns2 ::= \"a\" \"a\"? | \"a\" s2";
    let mut state = start(text);
    let began = std::time::Instant::now();
    for _ in 0..2000 {
        assert!(state.accept(b"a"));
    }
    assert!(state.can_end() && !state.allows(b"b"));
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn nesting_ends_at_the_limit_and_drops_safely() {
    let mut state = start(r#"root ::= "(" root ")" | "x""#);
    let accepted = (0..100_000).take_while(|_| state.accept(b"(")).count();
    assert!((1000..10_000).contains(&accepted), "{accepted}");
    assert!(state.is_dead());
}

#[test]
fn a_character_may_be_cut() {
    let mut state = start("root ::= [ä-ü] \"€\"");
    assert!(
        state.allows("ä".as_bytes()) && state.allows(b"\xc3") && !state.allows(b"\xc3\x9f") && !state.allows(b"\xff")
    );
    assert!(state.accept(b"\xc3") && !state.can_end());
    assert!(state.accept(b"\xbc\xe2\x82") && !state.allows(b"x"));
    assert!(state.accept(b"\xac") && state.can_end());
    assert!(state.allows(b"") && !state.allows(b"x"));
}

#[test]
fn a_refused_text_leaves_a_dead_state() {
    let mut state = start(r#"root ::= "ab""#);
    assert!(!state.accept(b"ac") && state.is_dead() && !state.can_end());
    assert!(!state.accept(b"ab") && !state.allows(b""));
}

#[test]
fn clones_go_their_own_ways() {
    let mut one = start(r#"root ::= "a" ("b" | "c")"#);
    assert!(one.accept(b"a"));
    let mut two = one.clone();
    assert!(one.accept(b"b") && two.accept(b"c"));
    assert!(one.can_end() && two.can_end());
}

#[test]
fn errors_name_the_place() {
    use GrammarProblem as P;
    assert_eq!(problem("root ::= \"a\"\nb = c"), (2, 3, P::Expected { expected: "`::=`", found: "'='".into() }));
    assert_eq!(problem("root ::= x y\ny ::= \"\""), (1, 10, P::Unknown("x".into())));
    assert_eq!(problem("a ::= \"\"").2, P::NoRoot("root".into()));
    assert_eq!(problem("root ::= \"\"\nroot ::= \"\""), (2, 1, P::Duplicate("root".into())));
    assert_eq!(problem("root ::= [z-a]").2, P::BackwardRange('z', 'a'));
    assert_eq!(problem("root ::= * \"a\""), (1, 10, P::NothingToRepeat('*')));
    assert_eq!(problem("root ::= \"a\"{3,2}").2, P::Repetition("3,2".into()));
    assert_eq!(problem("root ::= \"\\q\"").2, P::Escape("q".into()));
    assert_eq!(problem("root ::= \"\\ud800\"").2, P::Escape("ud800".into()));
    assert!(matches!(problem("root ::= (\"a\"").2, P::Expected { .. }));
    assert!(matches!(problem("root ::= \"a").2, P::Expected { .. }));
    assert!(matches!(problem("root ::= [a").2, P::Expected { .. }));
    assert!(matches!(problem("root ::= \"a\" )").2, P::Expected { .. }));
    let shown = Grammar::parse("root ::= x", "root").expect_err("no x").to_string();
    assert_eq!(shown, "grammar, line 1, column 10: there is no rule `x`; define it or correct the name");
}

#[test]
fn left_recursion_is_refused() {
    let refused = [
        "root ::= root \"a\" | \"a\"",
        "root ::= a\na ::= b? c\nb ::= \"x\"\nc ::= a \"y\"",
        "root ::= \"\" (\"a\"* root)",
    ];
    for text in refused {
        assert!(matches!(problem(text).2, GrammarProblem::LeftRecursion(_)), "{text}");
    }
    // Nullable only through a rule defined later.
    let hidden = "root ::= n root \"a\" | \"b\"\nn ::= m m\nm ::= \"x\"*";
    assert_eq!(problem(hidden), (1, 1, GrammarProblem::LeftRecursion("root".into())));
    assert!(matches("root ::= \"a\" root | \"b\"", "aab"));
}

#[test]
fn sizes_are_limited() {
    let large = |text: String| matches!(problem(&text).2, GrammarProblem::TooLarge { .. });
    assert!(large(format!("root ::= {}\"a\"{}", "(".repeat(100), ")".repeat(100))));
    assert!(large("root ::= ((\"a\"{1000}){1000}){1000}".into()));
    assert!(large("root ::= ((\"\"{99999}){99999}){99999}".into()));
    assert!(large("root ::= \"\"{0,18446744073709551615}".into()));
    assert!(large(format!("root ::= \"a\"{}", "*".repeat(100))));
    assert!(large(" ".repeat(300_000)));
    assert!(large((0..5000).map(|i| format!("r{i} ::= \"\"\n")).collect()));
    assert!(matches!(problem("root ::= \"a\"{99999999999999999999}").2, GrammarProblem::Repetition(_)));
    // A long chain of rules, each calling the next before reading, is no recursion.
    let chain: String = (0..2000).map(|i| format!("r{i} ::= r{}\n", i + 1)).collect();
    assert!(matches(&format!("{chain}r2000 ::= \"x\"\nroot ::= r0"), "x"));
}

#[test]
fn equal_grammars_are_equal() {
    let parse = |text| Grammar::parse(text, "root").expect("grammar");
    assert_eq!(parse("root ::= \"a\""), parse("root ::=   \"a\" # same"));
    assert_ne!(parse("root ::= \"a\""), parse("root ::= \"b\""));
}

fn small_trie(tokens: &[&[u8]]) -> TokenTrie {
    TokenTrie::from_tokens(tokens.iter().zip(0..).map(|(&bytes, id)| (bytes, id)))
}

#[test]
fn a_trie_gives_the_tokens_that_fit() {
    let tokens: [&[u8]; 9] = [b"a", b"ab", b"abc", b"b", b"", b"ab", b"x", b"\xc3", b"\xc3\xa4"];
    let trie = small_trie(&tokens);
    let mut state = start("root ::= \"ab\" | \"ä\"");
    let mut set = TokenSet::new(tokens.len());
    state.allowed_tokens(&trie, &mut set);
    assert_eq!(set.iter().collect::<Vec<_>>(), [0, 1, 5, 7, 8]);
    state.accept(b"a");
    state.allowed_tokens(&trie, &mut set);
    assert_eq!(set.iter().collect::<Vec<_>>(), [3]);
    // Another vocabulary must not get the remembered answer.
    let other = small_trie(&[b"b", b"a"]);
    state.allowed_tokens(&other, &mut set);
    assert_eq!(set.iter().collect::<Vec<_>>(), [0]);
}

#[test]
fn a_whole_vocabulary_is_tested_quickly() {
    let vocab = crate::tokenizer::tests::english().vocab();
    let trie = TokenTrie::new(vocab);
    let state = start("root ::= ([^x] | \"xx\")*");
    let mut set = TokenSet::new(vocab.len());
    let began = std::time::Instant::now();
    state.allowed_tokens(&trie, &mut set);
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    for id in (0..vocab.len() as u32).step_by(7) {
        let text = vocab.token(id);
        let expected = !vocab.is_special(id) && !text.is_empty() && state.allows(text);
        assert_eq!(set.contains(id), expected, "{id}");
    }
    assert!(!set.contains(vocab.eot()) && state.can_end());
}

/// An expression in both notations. Rules stand for parts, so that calls are tested as well.
fn expression() -> impl Strategy<Value = (String, String)> {
    let leaf = prop::sample::select(vec![
        ("\"a\"", "a"),
        ("\"bc\"", "(?:bc)"),
        ("\"\"", "(?:)"),
        ("[a-b]", "[a-b]"),
        ("[^b]", "[^b]"),
        ("\"ä\"", "ä"),
        ("[à-ü]", "[à-ü]"),
        ("ab", "(?:ab|b)"),
        ("maybe", "c?"),
    ]);
    let leaf = leaf.prop_map(|(gbnf, regex)| (gbnf.to_owned(), regex.to_owned()));
    leaf.prop_recursive(4, 24, 3, |inner| {
        let many = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            many.clone().prop_map(|parts| {
                let (gbnf, regex): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
                (gbnf.join(" "), regex.concat())
            }),
            many.prop_map(|parts| {
                let (gbnf, regex): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
                (format!("({})", gbnf.join(" | ")), format!("(?:{})", regex.join("|")))
            }),
            (inner, prop::sample::select(vec!["*", "+", "?", "{2}", "{1,}", "{0,2}"]))
                .prop_map(|((gbnf, regex), suffix)| { (format!("({gbnf}){suffix}"), format!("(?:{regex}){suffix}")) }),
        ]
    })
}

proptest! {
    #[test]
    fn grammars_match_what_regular_expressions_match(
        (gbnf, pattern) in expression(),
        inputs in prop::collection::vec("[abcäx]{0,6}", 8),
    ) {
        let state = start(&format!("root ::= {gbnf}\nab ::= \"ab\" | \"b\"\nmaybe ::= \"c\"?"));
        let regex = regex::Regex::new(&format!("(?s)^(?:{pattern})$")).expect("pattern");
        for input in inputs {
            let mut read = state.clone();
            let alive = read.accept(input.as_bytes());
            prop_assert_eq!(read.can_end(), regex.is_match(&input), "{:?} {:?}", gbnf, input);
            prop_assert_eq!(alive, state.allows(input.as_bytes()));
            prop_assert!(alive || !read.can_end());
        }
    }

    #[test]
    fn a_trie_agrees_with_each_token(
        (gbnf, _) in expression(),
        tokens in prop::collection::vec("[abcäx]{0,4}", 0..30),
        cut in 0usize..3,
        before in "[abcä]{0,3}",
    ) {
        let mut state = start(&format!("root ::= {gbnf}\nab ::= \"ab\" | \"b\"\nmaybe ::= \"c\"?"));
        state.accept(before.as_bytes());
        // Cutting bytes off the end makes tokens with half a character.
        let tokens: Vec<&[u8]> = tokens.iter().map(|t| &t.as_bytes()[..t.len().saturating_sub(cut)]).collect();
        let mut set = TokenSet::new(tokens.len());
        state.allowed_tokens(&small_trie(&tokens), &mut set);
        for (token, id) in tokens.iter().zip(0..) {
            prop_assert_eq!(set.contains(id), !token.is_empty() && state.allows(token), "{:?}", token);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text: String, bytes: Vec<u8>) {
        if let Ok(grammar) = Grammar::parse(&text, "root") {
            GrammarState::new(Arc::new(grammar)).accept(&bytes);
        }
    }

    #[test]
    fn text_made_of_gbnf_is_read_or_refused(
        parts in prop::collection::vec(prop::sample::select(vec![
            "root ::= ", "a ::= ", "b ::= ", "\n", "\"x\"", "[a-z]", "[^y]", "(", ")", "|", "*", "+", "?", "{2,3}", "{", "}",
            " a ", " b ", " root ", ".", "#", "\\", "\"", "[", "]", "-", "\\x4", "::=",
        ]), 0..24),
        input in "[axyz]{0,12}",
    ) {
        let text = parts.concat();
        for text in [format!("root ::= {text}"), text] {
            if let Ok(grammar) = Grammar::parse(&text, "root") {
                let mut state = GrammarState::new(Arc::new(grammar));
                for byte in input.bytes() {
                    prop_assert_eq!(state.allows(&[byte]), state.accept(&[byte]));
                }
            }
        }
    }
}
