use super::*;
use proptest::prelude::*;

fn raised(evidence: &Evidence) -> Vec<Signal> {
    Signals::of(evidence).raised(&Limits::default())
}

#[test]
fn loops_raise_every_signal_of_a_loop() {
    let text = "so we went on and then he said ".to_string() + &"and cold ".repeat(40);
    let signals = Signals::of(&Evidence { text: &text, ..Evidence::default() });
    assert_eq!(signals.repetition, Some(Repetition { words: 2, times: 40 }));
    assert!(signals.compression_ratio > 5.0);
    assert!((signals.least_entropy.unwrap() - 2f64.ln()).abs() < 1e-12);
    assert_eq!(signals.raised(&Limits::default()), [Signal::Compression, Signal::Entropy, Signal::Repetition]);
    // In the middle of much else it is found as well.
    let around: Vec<String> = (0..400).map(|i| format!("w{}", i * 7919 % 4001)).collect();
    let text = format!("{} {text} {}", around[..200].join(" "), around[200..].join(" "));
    assert_eq!(
        raised(&Evidence { text: &text, ..Evidence::default() }),
        [Signal::Compression, Signal::Entropy, Signal::Repetition]
    );
}

/// The references of the repository's recordings, with their lengths.
#[test]
fn what_people_say_raises_nothing() {
    let manifest = include_str!("../../../../testdata/speech/manifest.jsonl");
    let clips: Vec<serde_json::Value> = manifest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = |clip: &serde_json::Value| clip["text"].as_str().unwrap_or_default().to_string();
    for clip in &clips {
        let text = text(clip);
        let evidence =
            Evidence { text: &text, seconds: clip["duration"].as_f64(), reference: Some(&text), ..Evidence::default() };
        assert_eq!(raised(&evidence), [], "{text}");
    }
    let all = clips.iter().map(text).collect::<Vec<_>>().join(" ");
    assert!(words(&all).len() > 300);
    assert_eq!(raised(&Evidence { text: &all, ..Evidence::default() }), []);
}

#[test]
fn lengths_and_speeds() {
    let text = "one two three four five six seven";
    let signals = Signals::of(&Evidence { text, seconds: Some(1.0), ..Evidence::default() });
    assert_eq!((signals.words_per_second, signals.length_ratio), (Some(7.0), None));
    assert_eq!(signals.raised(&Limits::default()), [Signal::Speed]);
    let against = |reference| raised(&Evidence { text, reference: Some(reference), ..Evidence::default() });
    assert_eq!(against("a b c d e f g h i j k l m n o"), [Signal::Short]);
    assert_eq!(against("a b c d e"), []);
    assert_eq!(against("a b c d"), []);
    assert_eq!(
        raised(&Evidence { text: "a b c d e f g h", reference: Some("a b c d e"), ..Evidence::default() }),
        [Signal::Long]
    );
}

#[test]
fn words_to_silence_are_inventions() {
    let silence = |text| raised(&Evidence { text, reference: Some(""), seconds: Some(20.0), ..Evidence::default() });
    assert_eq!(silence(""), []);
    assert_eq!(silence(" [BLANK_AUDIO] (wind)"), []);
    assert_eq!(silence(" Thank you."), [Signal::Phrase, Signal::Silence]);
    assert_eq!(silence("Hello there"), [Signal::Silence]);
}

#[test]
fn known_phrases() {
    let phrase = |text, reference| Signals::of(&Evidence { text, reference, ..Evidence::default() }).phrase;
    assert_eq!(phrase("Thank you.", None).as_deref(), Some("thank you"));
    assert_eq!(phrase("Thank you, madam", None), None);
    assert_eq!(phrase("Thank you!", Some("thank you")), None);
    assert_eq!(phrase("And so it ends. Thanks for watching!", None).as_deref(), Some("thanks for watching"));
    let credit = "Subtitles by the Amara.org community";
    assert_eq!(phrase(credit, Some("subtitles")).as_deref(), Some("subtitles by the amara org community"));
    assert!(phrase("Sous-titres réalisés par la communauté d'Amara.org", None).is_some());
    assert!(phrase("請 请不吝点赞 订阅 转发 打赏支持明镜与点点栏目", None).is_some());
    assert_eq!(phrase("You", Some("what your country can do")).as_deref(), Some("you"));
    assert_eq!(phrase("You", Some("and you too")), None);
    // Every phrase is written as it will be looked for.
    for listed in phrases::all() {
        assert!(phrase(listed, None).is_some(), "{listed}");
    }
    assert_eq!(phrases::all().count(), 22 + 301);
}

#[test]
fn languages_without_blanks_are_read_by_character() {
    let text = "今日は会議です。".to_string() + &"はいはい".repeat(30);
    let signals = Signals::of(&Evidence { text: &text, seconds: Some(2.0), by_character: true, ..Evidence::default() });
    assert_eq!(signals.repetition, Some(Repetition { words: 2, times: 60 }));
    assert_eq!(signals.words_per_second, None);
    assert_eq!(signals.raised(&Limits::default()), [Signal::Compression, Signal::Entropy, Signal::Repetition]);
}

#[test]
fn tokens_are_preferred_to_words() {
    let text = (0..40).map(|i| format!("w{i}")).collect::<Vec<_>>().join(" ");
    let entropy = |tokens| Signals::of(&Evidence { text: &text, tokens, ..Evidence::default() }).least_entropy;
    assert!((entropy(None).unwrap() - 32f64.ln()).abs() < 1e-12);
    assert_eq!(entropy(Some(&[7; 40])), Some(0.0));
    assert_eq!(entropy(Some(&[7; 31])), None);
}

/// Lengths that Python's `zlib.compress` (zlib 1.2.13, level 6) gives.
#[test]
fn compression_is_zlibs() {
    for (text, length) in [
        ("a", 9),
        ("The quick brown fox jumps over the lazy dog.", 51),
        (&"and cold ".repeat(40), 22),
        (&(0..100).map(|i| i.to_string()).collect::<Vec<_>>().join(" "), 146),
    ] {
        let found = text.len() as f64 / compression_ratio(text);
        assert!((found - f64::from(length)).abs() <= 4.0, "{text}: {found}");
    }
    assert_eq!(compression_ratio(""), 0.0);
}

proptest! {
    #[test]
    fn anything_can_be_measured(text in "\\PC{0,80}|([abc] ){0,300}", by_character: bool, seconds in 0.0..9.0f64) {
        let signals = Signals::of(&Evidence {
            text: &text,
            tokens: None,
            seconds: Some(seconds),
            reference: Some("a b c d e f"),
            by_character,
        });
        prop_assert!(signals.compression_ratio.is_finite());
        prop_assert!(signals.least_entropy.is_none_or(|entropy| (0.0..=32f64.ln() + 1e-9).contains(&entropy)));
        prop_assert!(signals.repetition.is_none_or(|found| found.times * found.words <= signals.words));
        signals.raised(&Limits::default());
    }
}
