//! Error counts next to jiwer's, as `testdata/make_alignment.py` recorded them.

mod common;

use noctule_eval::align::Counts;
use noctule_eval::normalize::words;
use serde::Deserialize;

type Case = (String, String, [u64; 4]);

#[derive(Deserialize)]
struct Recorded {
    package: String,
    words: Vec<Case>,
    characters: Vec<Case>,
}

/// Checks that the errors are as many, and returns in how many cases they are of other kinds.
fn compare(cases: &[Case], count: impl Fn(&str, &str) -> Counts) -> usize {
    let other_kinds = |(reference, hypothesis, expected): &&Case| {
        let found = count(reference, hypothesis);
        let [hits, substitutions, deletions, insertions] = *expected;
        let expected = Counts { hits, substitutions, deletions, insertions };
        assert_eq!(found.errors(), expected.errors(), "{reference} | {hypothesis}");
        assert_eq!(found.reference_words(), expected.reference_words());
        assert!(found.hits >= expected.hits, "jiwer found more hits: {reference} | {hypothesis}");
        found != expected
    };
    cases.iter().filter(other_kinds).count()
}

#[test]
fn errors_are_as_many_as_jiwer_counts() {
    let recorded: Recorded = common::read("alignment.json.z");
    assert_eq!(recorded.package, "jiwer 4.0.0");
    assert_eq!((recorded.words.len(), recorded.characters.len()), (1544, 500));
    let in_words = compare(&recorded.words, |a, b| Counts::of(&words(a), &words(b)));
    let characters = |text: &str| text.chars().collect::<Vec<_>>();
    let in_characters = compare(&recorded.characters, |a, b| Counts::of(&characters(a), &characters(b)));
    // Of alignments with equally few errors ours has the most hits; jiwer takes another in these.
    assert_eq!((in_words, in_characters), (240, 67));
}
