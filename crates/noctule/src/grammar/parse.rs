//! GBNF text in, rules as expressions out, or an error with its place.

use std::collections::HashMap;
use std::iter::Peekable;
use std::str::CharIndices;

const MAX_TEXT: usize = 256 * 1024;
const MAX_RULES: usize = 4096;
const MAX_DEPTH: usize = 64;
const MAX_REPEATS: usize = 8;

/// What is wrong with a grammar, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("grammar, line {line}, column {column}: {problem}")]
pub struct GrammarError {
    /// Line, from 1.
    pub line: usize,
    /// Character within the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: GrammarProblem,
}

/// What can be wrong with a grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrammarProblem {
    /// Something else should stand here.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What would be right.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// An escape that GBNF does not have, or whose digits give no character.
    #[error("\\{0} is no escape; use \\n \\r \\t \\\\ \\\" \\[ \\] \\- \\^ \\xHH \\uHHHH or \\UHHHHHHHH")]
    Escape(String),
    /// A range whose end lies before its start.
    #[error("the range {0:?}-{1:?} runs backwards; swap its ends")]
    BackwardRange(char, char),
    /// `{m,n}` with n < m, or numbers that do not fit.
    #[error("{{{0}}} is no repetition; write {{m}}, {{m,}} or {{m,n}} with m ≤ n")]
    Repetition(String),
    /// `*` or its like with nothing before it.
    #[error("`{0}` must follow something that it can repeat")]
    NothingToRepeat(char),
    /// A rule defined twice.
    #[error("rule `{0}` is already defined; join the two with `|`")]
    Duplicate(String),
    /// A name without a rule.
    #[error("there is no rule `{0}`; define it or correct the name")]
    Unknown(String),
    /// The rule to start from does not exist.
    #[error("there is no rule `{0}` to start from; define it or name another")]
    NoRoot(String),
    /// A rule that can call itself before it reads a character.
    #[error(
        "rule `{0}` can come back to itself without reading a character (left recursion); write the repetition with `*`"
    )]
    LeftRecursion(String),
    /// The grammar is larger than anything sensible.
    #[error("the grammar has more than {limit} {what}; make it smaller")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
    },
}

/// A place in the text: line and column from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    pub(super) fn error(self, problem: GrammarProblem) -> GrammarError {
        GrammarError { line: self.line, column: self.column, problem }
    }
}

/// What a rule or a part of it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expr {
    /// These characters in order; none at all is the empty text.
    Literal(String),
    /// One character from these ranges, sorted and apart.
    Class(Vec<(char, char)>),
    /// The rule with this index.
    Rule(usize),
    /// One after the other.
    Sequence(Vec<Expr>),
    /// One of these.
    Choice(Vec<Expr>),
    /// At least `min` times and, if stated, at most `max` times.
    Repeat { body: Box<Expr>, min: usize, max: Option<usize> },
}

/// A rule with the place of its definition.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub name: String,
    pub place: Place,
    pub body: Expr,
}

/// Reads all rules. Indices in [`Expr::Rule`] are positions in the result.
pub(super) fn parse(text: &str) -> Result<Vec<Rule>, GrammarError> {
    let mut parser = Parser {
        chars: text.char_indices().peekable(),
        place: Place { line: 1, column: 1 },
        names: HashMap::new(),
        rules: Vec::new(),
    };
    if text.len() > MAX_TEXT {
        return Err(parser.place.error(GrammarProblem::TooLarge { what: "bytes", limit: MAX_TEXT }));
    }
    parser.skip(true);
    while parser.peek().is_some() {
        parser.rule()?;
        parser.skip(true);
    }
    parser.finish()
}

/// A name seen so far; `body` is there once the rule is defined.
struct Slot {
    name: String,
    place: Place,
    body: Option<Expr>,
}

struct Parser<'t> {
    chars: Peekable<CharIndices<'t>>,
    place: Place,
    names: HashMap<String, usize>,
    rules: Vec<Slot>,
}

type Result<T, E = GrammarError> = std::result::Result<T, E>;

impl Parser<'_> {
    fn peek(&mut self) -> Option<char> {
        self.chars.peek().map(|&(_, c)| c)
    }

    fn next(&mut self) -> Option<char> {
        let (_, c) = self.chars.next()?;
        match c {
            '\n' => self.place = Place { line: self.place.line + 1, column: 1 },
            _ => self.place.column += 1,
        }
        Some(c)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }

    fn expected<T>(&mut self, expected: &'static str) -> Result<T> {
        let found = self.peek().map_or_else(|| "the end of the text".to_owned(), |c| format!("{c:?}"));
        Err(self.place.error(GrammarProblem::Expected { expected, found }))
    }

    /// Skips blanks and comments, and line ends if `lines`.
    fn skip(&mut self, lines: bool) {
        while let Some(c) = self.peek() {
            match c {
                '#' => {
                    while self.peek().is_some_and(|c| c != '\n' && c != '\r') {
                        self.next();
                    }
                }
                '\n' | '\r' if !lines => return,
                _ if c.is_whitespace() => {
                    self.next();
                }
                _ => return,
            }
        }
    }

    fn name(&mut self) -> Result<String> {
        let mut name = String::new();
        while let Some(c) = self.peek().filter(|&c| is_name(c)) {
            name.push(c);
            self.next();
        }
        if name.is_empty() { self.expected("a rule name") } else { Ok(name) }
    }

    /// Index of the rule `name`, which may be defined later.
    fn slot(&mut self, name: String, place: Place) -> Result<usize> {
        if let Some(&index) = self.names.get(&name) {
            return Ok(index);
        }
        if self.rules.len() == MAX_RULES {
            return Err(place.error(GrammarProblem::TooLarge { what: "rules", limit: MAX_RULES }));
        }
        self.names.insert(name.clone(), self.rules.len());
        self.rules.push(Slot { name, place, body: None });
        Ok(self.rules.len() - 1)
    }

    fn rule(&mut self) -> Result<()> {
        let place = self.place;
        let name = self.name()?;
        let index = self.slot(name.clone(), place)?;
        if self.rules[index].body.is_some() {
            return Err(place.error(GrammarProblem::Duplicate(name)));
        }
        self.skip(false);
        for wanted in [':', ':', '='] {
            if !self.eat(wanted) {
                return self.expected("`::=`");
            }
        }
        self.skip(true);
        let body = self.choice(0)?;
        if !matches!(self.peek(), None | Some('\n' | '\r')) {
            return self.expected("an element, `|` or the end of the line");
        }
        self.rules[index].body = Some(body);
        self.rules[index].place = place;
        Ok(())
    }

    fn choice(&mut self, depth: usize) -> Result<Expr> {
        let mut choices = vec![self.sequence(depth)?];
        loop {
            let before = (self.chars.clone(), self.place);
            self.skip(true);
            if !self.eat('|') {
                // The line end that was skipped may be the end of the rule.
                (self.chars, self.place) = before;
                break;
            }
            self.skip(true);
            choices.push(self.sequence(depth)?);
        }
        Ok(if choices.len() == 1 { choices.remove(0) } else { Expr::Choice(choices) })
    }

    fn sequence(&mut self, depth: usize) -> Result<Expr> {
        let mut elements: Vec<Expr> = Vec::new();
        loop {
            self.skip(depth > 0);
            let place = self.place;
            let element = match self.peek() {
                Some('"') => self.literal()?,
                Some('[') => self.class()?,
                Some('(') => self.group(depth, place)?,
                Some('.') => {
                    self.next();
                    Expr::Class(vec![('\0', char::MAX)])
                }
                Some(c @ ('*' | '+' | '?' | '{')) => {
                    let Some(body) = elements.pop() else {
                        return Err(place.error(GrammarProblem::NothingToRepeat(c)));
                    };
                    self.repeat(c, body)?
                }
                Some(c) if is_name(c) => {
                    let name = self.name()?;
                    Expr::Rule(self.slot(name, place)?)
                }
                _ => break,
            };
            elements.push(element);
        }
        Ok(if elements.len() == 1 { elements.remove(0) } else { Expr::Sequence(elements) })
    }

    fn group(&mut self, depth: usize, place: Place) -> Result<Expr> {
        if depth == MAX_DEPTH {
            return Err(place.error(GrammarProblem::TooLarge { what: "open parentheses", limit: MAX_DEPTH }));
        }
        self.next();
        self.skip(true);
        let inner = self.choice(depth + 1)?;
        self.skip(true);
        if self.eat(')') { Ok(inner) } else { self.expected("an element, `|` or `)`") }
    }

    fn repeat(&mut self, sign: char, body: Expr) -> Result<Expr> {
        let place = self.place;
        self.next();
        let (min, max) = match sign {
            '*' => (0, None),
            '+' => (1, None),
            '?' => (0, Some(1)),
            _ => self.bounds(place)?,
        };
        // Everything that walks the tree recurses, so its height is bounded.
        let nested = std::iter::successors(Some(&body), |e| match e {
            Expr::Repeat { body, .. } => Some(&**body),
            _ => None,
        });
        if nested.count() > MAX_REPEATS {
            let what = "repetitions of one element";
            return Err(place.error(GrammarProblem::TooLarge { what, limit: MAX_REPEATS }));
        }
        Ok(Expr::Repeat { body: Box::new(body), min, max })
    }

    /// The inside of `{m}`, `{m,}` or `{m,n}`.
    fn bounds(&mut self, place: Place) -> Result<(usize, Option<usize>)> {
        let mut inside = String::new();
        while !self.eat('}') {
            match self.next() {
                Some(c) if inside.len() < 32 => inside.push(c),
                Some(_) => return Err(place.error(GrammarProblem::Repetition(inside))),
                None => return self.expected("`}`"),
            }
        }
        let number = |s: &str| s.trim().parse::<usize>().ok();
        let bounds = match inside.split_once(',') {
            None => number(&inside).map(|n| (n, Some(n))),
            Some((min, max)) if max.trim().is_empty() => number(min).map(|n| (n, None)),
            Some((min, max)) => number(min).zip(number(max)).map(|(min, max)| (min, Some(max))),
        };
        bounds
            .filter(|(min, max)| max.is_none_or(|max| *min <= max))
            .ok_or_else(|| place.error(GrammarProblem::Repetition(inside.trim().to_owned())))
    }

    fn literal(&mut self) -> Result<Expr> {
        self.next();
        let mut text = String::new();
        loop {
            match self.peek() {
                None | Some('\n' | '\r') => return self.expected("`\"` to close the literal"),
                Some('"') => break,
                Some(_) => text.push(self.character()?),
            }
        }
        self.next();
        Ok(Expr::Literal(text))
    }

    fn class(&mut self) -> Result<Expr> {
        self.next();
        let negated = self.eat('^');
        let mut ranges = Vec::new();
        loop {
            match self.peek() {
                None | Some('\n' | '\r') => return self.expected("`]` to close the class"),
                Some(']') => break,
                Some(_) => {
                    let place = self.place;
                    let first = self.character()?;
                    let last = self.range_end(first)?;
                    if last < first {
                        return Err(place.error(GrammarProblem::BackwardRange(first, last)));
                    }
                    ranges.push((first, last));
                }
            }
        }
        self.next();
        Ok(Expr::Class(merge_ranges(ranges, negated)))
    }

    /// The end of a range that starts with `first`; a `-` before `]` stands for itself.
    fn range_end(&mut self, first: char) -> Result<char> {
        let mut ahead = self.chars.clone();
        let dash = ahead.next().is_some_and(|(_, c)| c == '-');
        let more = ahead.next().is_some_and(|(_, c)| c != ']' && c != '\n');
        if !(dash && more) {
            return Ok(first);
        }
        self.next();
        self.character()
    }

    /// One character, possibly written as an escape.
    fn character(&mut self) -> Result<char> {
        let place = self.place;
        match self.next() {
            Some('\\') => {}
            Some(c) => return Ok(c),
            None => return self.expected("a character"),
        }
        let Some(kind) = self.next() else { return self.expected("an escape") };
        let digits = match kind {
            'n' => return Ok('\n'),
            'r' => return Ok('\r'),
            't' => return Ok('\t'),
            '\\' | '"' | '[' | ']' | '-' | '^' => return Ok(kind),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => return Err(place.error(GrammarProblem::Escape(kind.to_string()))),
        };
        let mut hex = String::new();
        while hex.len() < digits
            && let Some(c) = self.peek().filter(char::is_ascii_hexdigit)
        {
            hex.push(c);
            self.next();
        }
        let value = u32::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == digits);
        value.and_then(char::from_u32).ok_or_else(|| place.error(GrammarProblem::Escape(format!("{kind}{hex}"))))
    }

    fn finish(self) -> Result<Vec<Rule>> {
        self.rules
            .into_iter()
            .map(|Slot { name, place, body }| match body {
                Some(body) => Ok(Rule { name, place, body }),
                None => Err(place.error(GrammarProblem::Unknown(name))),
            })
            .collect()
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

/// Sorts `ranges` and joins those that touch; `negated` gives what they leave out.
fn merge_ranges(mut ranges: Vec<(char, char)>, negated: bool) -> Vec<(char, char)> {
    ranges.sort_unstable();
    let mut merged: Vec<(char, char)> = Vec::new();
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(before) if first <= before.1 || successor(before.1) == Some(first) => before.1 = before.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    if !negated {
        return merged;
    }
    let mut gaps = Vec::new();
    let mut from = Some('\0');
    for (first, last) in merged {
        if let (Some(from), Some(to)) = (from, predecessor(first))
            && from <= to
        {
            gaps.push((from, to));
        }
        from = successor(last);
    }
    gaps.extend(from.map(|from| (from, char::MAX)));
    gaps
}

/// The next character; ranges step over the surrogates.
fn successor(c: char) -> Option<char> {
    (c..=char::MAX).nth(1)
}

fn predecessor(c: char) -> Option<char> {
    ('\0'..=c).rev().nth(1)
}
