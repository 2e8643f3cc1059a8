//! Recordings heard live by the embedded model.
#![cfg(feature = "embedded-model")]

use noctule::options::LanguageChoice;
use noctule::{Config, Error, Transcriber};
use noctule_audio::vad::Vad;
use noctule_listen::ring::ring;
use noctule_listen::simulate::{BLOCK, simulate};
use noctule_listen::{Clock, Event, Meter, PolicyKind, Session, SessionOptions, Stamped, live};
use std::path::Path;
use std::time::Duration;

/// 16 kHz samples of a clip of `testdata/speech`.
fn speech(name: &str) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/speech").join(name);
    noctule_audio::file::read(&path, &Default::default()).unwrap_or_else(|error| panic!("{error}")).samples
}

fn session(policy: PolicyKind, clock: Clock) -> Session<Transcriber> {
    let config = Config { threads: 2, ..Config::default() };
    let transcriber = Transcriber::new(noctule::embedded_model().unwrap(), config).unwrap();
    let mut options = SessionOptions { policy, ..SessionOptions::default() };
    // Fewer steps: this is about words, not about latency.
    options.pace.min_step = 1.0;
    Session::new(transcriber, Vad::earshot(), clock, options).unwrap()
}

fn hear(policy: PolicyKind, samples: &[f32]) -> Vec<Stamped> {
    let mut events = Vec::new();
    let mut blocks = samples.chunks(BLOCK).map(<[f32]>::to_vec);
    let mut session = session(policy, Clock::simulated(Meter::Free));
    simulate(&mut session, &mut blocks, &mut || false, &mut |event| events.push(event)).unwrap();
    events
}

fn text(events: &[Stamped]) -> String {
    let commits = events.iter().filter_map(|event| match &event.event {
        Event::Commit { text, .. } => Some(text.as_str()),
        _ => None,
    });
    commits.collect()
}

fn plain(text: &str) -> Vec<String> {
    let words = text.split_whitespace().map(|word| word.chars().filter(|c| c.is_alphanumeric()).collect::<String>());
    words.map(|word| word.to_lowercase()).filter(|word| !word.is_empty()).collect()
}

const CLIP: &str = "ls-1995-1837-0001.flac";
const SAID: &str = "it was the first great sorrow of his life it was not so much the loss of the cotton itself but \
    the fantasy the hopes the dreams built around it";

#[test]
fn every_policy_writes_down_what_is_said() {
    let silence = vec![0.0; 16_000];
    let samples = [&silence[..], &speech(CLIP), &silence].concat();
    for policy in PolicyKind::ALL {
        let events = hear(policy, &samples);
        let (said, heard) = (plain(SAID), plain(&text(&events)));
        let missed = said.iter().filter(|word| !heard.contains(word)).count();
        assert!(missed <= 3 && heard.len().abs_diff(said.len()) <= 3, "{policy}: {}", text(&events));
        let words = events.iter().filter_map(|event| match &event.event {
            Event::Commit { words, .. } => Some((event.time_s, words)),
            _ => None,
        });
        for (time, words) in words {
            assert!(words.iter().all(|word| word.start <= word.end && word.start >= 0.5), "{policy}: {words:?}");
            assert!(words.iter().all(|word| word.end <= time + 0.1), "{policy}: told before it was said");
        }
        if policy == PolicyKind::AlignAtt {
            let first = events.iter().find(|event| matches!(event.event, Event::Commit { .. }));
            assert!(first.is_some_and(|event| event.time_s < 5.0), "words come while the speaker speaks");
        }
    }
}

#[test]
fn dishes_say_next_to_nothing() {
    let events = hear(PolicyKind::AlignAtt, &speech("dishes.flac"));
    let words = plain(&text(&events));
    assert!(words.len() <= 4, "{}", text(&events));
}

#[test]
fn a_thread_feeds_faster_than_real_time_and_nothing_is_lost() {
    let (feeder, drain) = ring(16_000, &std::env::temp_dir(), 1 << 24);
    let samples = speech(CLIP);
    let count = samples.len() as u64;
    let capture = std::thread::spawn(move || {
        for block in samples.chunks(BLOCK) {
            feeder.push(block);
            std::thread::sleep(Duration::from_millis(5));
        }
        feeder.end(None);
    });
    let mut session = session(PolicyKind::LocalAgreement, Clock::real());
    let mut events = Vec::new();
    let ended = live::listen(&mut session, &drain, &mut || false, &mut |event| events.push(event)).unwrap();
    capture.join().unwrap();
    assert_eq!((ended, session.end()), (None, count));
    let heard = plain(&text(&events));
    let missed = plain(SAID).iter().filter(|word| !heard.contains(word)).count();
    assert!(missed <= 4, "{}", text(&events));
}

#[test]
fn a_language_that_the_model_does_not_know_is_refused() {
    let transcriber = Transcriber::new(noctule::embedded_model().unwrap(), Config::default()).unwrap();
    let options = SessionOptions { language: LanguageChoice::Fixed("de".into()), ..SessionOptions::default() };
    let error = Session::new(transcriber, Vad::earshot(), Clock::real(), options).unwrap_err();
    assert!(matches!(error, Error::LanguageNotInModel { .. }), "{error}");
}
