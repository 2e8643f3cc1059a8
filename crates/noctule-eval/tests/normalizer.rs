//! Every string and every character next to OpenAI's package, as `testdata/make_normalizer.py` recorded it.

mod common;

use noctule_eval::normalize::{BasicNormalizer, EnglishNormalizer};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Recorded {
    package: String,
    sample: String,
    settings: Vec<(bool, bool)>,
    cases: Vec<Vec<String>>,
    raised: Vec<String>,
    left_out: Vec<(u32, u32)>,
    characters: BTreeMap<u32, String>,
}

fn recorded() -> Recorded {
    let recorded: Recorded = common::read("normalizer.json.z");
    assert_eq!(recorded.package, "openai-whisper 20250625");
    recorded
}

fn basic(recorded: &Recorded) -> Vec<BasicNormalizer> {
    let normalizer =
        |&(remove_diacritics, split_letters): &(bool, bool)| BasicNormalizer { remove_diacritics, split_letters };
    recorded.settings.iter().map(normalizer).collect()
}

#[test]
fn strings_come_out_as_in_python() {
    let recorded = recorded();
    assert_eq!(recorded.cases.len(), 10_000);
    let (english, basic) = (EnglishNormalizer::new(), basic(&recorded));
    let mut wrong = Vec::new();
    for case in &recorded.cases {
        let made = basic.iter().map(|basic| basic.normalize(&case[0]));
        let made = std::iter::once(english.normalize(&case[0])).chain(made);
        wrong.extend(made.zip(&case[1..]).filter(|(made, expected)| made != *expected).map(|pair| (&case[0], pair)));
    }
    assert!(wrong.is_empty(), "{} differ, for example {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
}

#[test]
fn characters_come_out_as_in_python() {
    let recorded = recorded();
    let (english, basic) = (EnglishNormalizer::new(), basic(&recorded));
    let left_out = |code: u32| recorded.left_out.iter().any(|&(from, to)| (from..to).contains(&code));
    let mut wrong = Vec::new();
    for (&block, expected) in &recorded.characters {
        let mut digest = Sha256::new();
        for c in (block * 256..(block + 1) * 256).filter(|&code| !left_out(code)).filter_map(char::from_u32) {
            let text = recorded.sample.replace("{0}", &c.to_string());
            digest.update(english.normalize(&text) + "\0");
            basic.iter().for_each(|basic| digest.update(basic.normalize(&text) + "\0"));
        }
        let found: String = digest.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        if found != *expected {
            wrong.push(format!("{:#x}", block * 256));
        }
    }
    assert!(wrong.is_empty(), "blocks {wrong:?}");
}

/// The package gives up on integers of more than 4,300 digits; there the result is the exact number.
#[test]
fn exceptions_have_a_result() {
    let english = EnglishNormalizer::new();
    let (nines, ones) = ("9".repeat(4301), "1".repeat(5000));
    let expected = [
        (nines.clone(), nines),
        (format!("{}.5 decillion", &ones[..4300]), format!("{}5{}", &ones[..4300], "0".repeat(32))),
        (format!("${ones} million"), format!("${}222111000", &ones[..4991])),
    ];
    for (text, (input, expected)) in recorded().raised.iter().zip(expected) {
        assert_eq!(*text, input);
        assert_eq!(english.normalize(text), expected);
    }
}
