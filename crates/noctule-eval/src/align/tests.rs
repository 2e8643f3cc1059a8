use super::*;
use proptest::prelude::*;

/// The rule of the module's documentation over a whole table, as plainly as can be.
fn plain(reference: &[u8], hypothesis: &[u8]) -> Vec<Operation> {
    let (n, m) = (reference.len(), hypothesis.len());
    let mut table = vec![vec![(0usize, 0usize); m + 1]; n + 1];
    let mut candidates = vec![vec![Vec::new(); m + 1]; n + 1];
    for i in 0..=n {
        for j in 0..=m {
            let mut ways = Vec::new();
            if i > 0 && j > 0 {
                let (errors, substitutions) = table[i - 1][j - 1];
                let other = usize::from(reference[i - 1] != hypothesis[j - 1]);
                let way = if other == 0 { Operation::Hit } else { Operation::Substitution };
                ways.push(((errors + other, substitutions + other), way));
            }
            if i > 0 {
                ways.push(((table[i - 1][j].0 + 1, table[i - 1][j].1), Operation::Deletion));
            }
            if j > 0 {
                ways.push(((table[i][j - 1].0 + 1, table[i][j - 1].1), Operation::Insertion));
            }
            table[i][j] = ways.iter().map(|&(cost, _)| cost).min().unwrap_or_default();
            candidates[i][j] = ways.into_iter().filter(|&(cost, _)| cost == table[i][j]).map(|(_, way)| way).collect();
        }
    }
    let (mut i, mut j, mut operations) = (n, m, Vec::new());
    while i + j > 0 {
        let way = candidates[i][j][0];
        operations.push(way);
        i -= usize::from(way != Operation::Insertion);
        j -= usize::from(way != Operation::Deletion);
    }
    operations.reverse();
    operations
}

fn letters(steps: &[Step]) -> String {
    let letter = |step: &Step| match step.operation {
        Operation::Hit => '=',
        Operation::Substitution => 'S',
        Operation::Deletion => 'D',
        Operation::Insertion => 'I',
    };
    steps.iter().map(letter).collect()
}

fn aligned(reference: &str, hypothesis: &str) -> String {
    letters(&align(&reference.chars().collect::<Vec<_>>(), &hypothesis.chars().collect::<Vec<_>>()))
}

#[test]
fn ties_are_broken_as_documented() {
    assert_eq!(aligned("", ""), "");
    assert_eq!(aligned("abc", ""), "DDD");
    assert_eq!(aligned("", "abc"), "III");
    assert_eq!(aligned("abc", "abc"), "===");
    // Two substitutions are as many errors as a deletion and an insertion, which keep a hit.
    assert_eq!(aligned("ab", "bc"), "D=I");
    // One word stands for the last of two.
    assert_eq!(aligned("ab", "c"), "DS");
    assert_eq!(aligned("c", "ab"), "IS");
    // Of two equal words the last is the one that was heard.
    assert_eq!(aligned("aab", "ab"), "D==");
    assert_eq!(aligned("axb", "ab"), "=D=");
}

#[test]
fn counts_add_up() {
    let counts = Counts::of(&["the", "cat", "sat"], &["cat", "sat", "down", "now"]);
    assert_eq!(counts, Counts { hits: 2, substitutions: 0, deletions: 1, insertions: 2 });
    assert_eq!((counts.errors(), counts.reference_words(), counts.hypothesis_words()), (3, 3, 4));
    assert_eq!((counts.error_rate(), counts.insertion_rate()), (Some(1.0), Some(2.0 / 3.0)));
    let silence = Counts::of(&[], &["thank", "you"]);
    assert_eq!((silence.error_rate(), silence.insertion_rate()), (None, None));
    // Pooled: 5 errors in 3 words, though one utterance has no rate of its own.
    assert_eq!([counts, silence].into_iter().sum::<Counts>().error_rate(), Some(5.0 / 3.0));
}

/// Ten thousand words with a fifth wrong, and two texts that have nothing in common.
#[test]
fn meetings_are_aligned() {
    let reference: Vec<u32> = (0..10_000).map(|i| i * 7919 % 1000).collect();
    let mut hypothesis = reference.clone();
    (0..10_000).step_by(10).for_each(|i| hypothesis[i] = 5000);
    let mut position = 0..;
    hypothesis.retain(|_| position.next().is_some_and(|i: usize| i % 10 != 5));
    let counts = Counts::of(&reference, &hypothesis);
    assert_eq!(counts, Counts { hits: 8000, substitutions: 1000, deletions: 1000, insertions: 0 });
    let other: Vec<u32> = (0..3000).map(|i| 10_000 + i).collect();
    let counts = Counts::of(&reference[..2000], &other);
    assert_eq!(counts, Counts { hits: 0, substitutions: 2000, deletions: 0, insertions: 1000 });
}

#[test]
fn three_way_view_puts_equal_insertions_side_by_side() {
    let words = |text: &'static str| text.split(' ').collect::<Vec<_>>();
    let (reference, a, b) =
        (words("we sat in the sun"), words("uh we sat on the warm sun"), words("we sat the very warm sun so"));
    let show = |row: &Row| {
        let text = |words: &[&'static str], i: Option<usize>| i.map_or("-", |i| words[i]);
        format!("{} {} {}", text(&reference, row.reference), text(&a, row.a.word), text(&b, row.b.word))
    };
    let rows = three_way(&reference, &a, &b);
    let expected = [
        "- uh -",
        "we we we",
        "sat sat sat",
        "in on -",
        "the the the",
        "- - very",
        "- warm warm",
        "sun sun sun",
        "- - so",
    ];
    assert_eq!(rows.iter().map(show).collect::<Vec<_>>(), expected);
    assert_eq!(rows[0].b, Cell::default());
    assert_eq!(rows[3].b, Cell { operation: Some(Operation::Deletion), word: None });
    assert_eq!(rows.iter().filter(|row| row.a.is_error()).count(), 3);
    assert_eq!(rows.iter().filter(|row| row.b.is_error()).count(), 4);
}

fn texts() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    // Few words, so that there are many ties; unequal lengths; sometimes nearly equal.
    let any = (1u8..6).prop_flat_map(|words| {
        (proptest::collection::vec(0..words, 0..70), proptest::collection::vec(0..words, 0..70))
    });
    let alike = (proptest::collection::vec(0u8..4, 40..120), proptest::collection::vec((0usize..120, 0u8..8), 0..12));
    let alike = alike.prop_map(|(reference, edits)| {
        let mut hypothesis = reference.clone();
        for (at, edit) in edits {
            let at = at % hypothesis.len().max(1);
            match edit {
                0..3 => {
                    hypothesis.remove(at);
                }
                3..6 => hypothesis.insert(at, edit),
                _ => hypothesis[at] = edit,
            }
        }
        (reference, hypothesis)
    });
    prop_oneof![any, alike]
}

proptest! {
    #[test]
    fn as_the_whole_table_says((reference, hypothesis) in texts()) {
        let steps = align(&reference, &hypothesis);
        let found: Vec<Operation> = steps.iter().map(|step| step.operation).collect();
        prop_assert_eq!(found, plain(&reference, &hypothesis));
        let positions = |of: fn(&Step) -> Option<usize>| steps.iter().filter_map(of).collect::<Vec<_>>();
        prop_assert_eq!(positions(|step| step.reference), (0..reference.len()).collect::<Vec<_>>());
        prop_assert_eq!(positions(|step| step.hypothesis), (0..hypothesis.len()).collect::<Vec<_>>());
        for step in steps {
            if let (Some(i), Some(j)) = (step.reference, step.hypothesis) {
                prop_assert_eq!(reference[i] == hypothesis[j], step.operation == Operation::Hit);
            }
        }
    }

    #[test]
    fn three_way_view_has_every_word_once((reference, a) in texts(), (_, b) in texts()) {
        let rows = three_way(&reference, &a, &b);
        let all = |of: fn(&Row) -> Option<usize>| rows.iter().filter_map(of).collect::<Vec<_>>();
        prop_assert_eq!(all(|row| row.reference), (0..reference.len()).collect::<Vec<_>>());
        prop_assert_eq!(all(|row| row.a.word), (0..a.len()).collect::<Vec<_>>());
        prop_assert_eq!(all(|row| row.b.word), (0..b.len()).collect::<Vec<_>>());
        let counts = |of: fn(&Row) -> Cell| rows.iter().filter_map(|row| of(row).operation).map(Counts::from).sum::<Counts>();
        prop_assert_eq!(counts(|row| row.a), Counts::of(&reference, &a));
        prop_assert_eq!(counts(|row| row.b), Counts::of(&reference, &b));
    }
}
