//! Candidates for a board on which nothing was evaluated yet: a short calibration and the cost model foretell times, the
//! models' dimensions memory, and published figures words.

use crate::cmd::eval::{families, speed};
use crate::failure::Failure;
use crate::store::catalogue;
use noctule_eval::engine::Settings;
use noctule_eval::plan::{ModelFacts, Speed, USUAL_BEAMS};
use noctule_eval::recommend::Candidate;
use noctule_eval::statistics::Interval;
use std::path::PathBuf;

/// Published sizes, and the share of wrong words that whisper.cpp has with them in f16 on LibriSpeech test-clean (2,620
/// recordings). Source: ggml-org/whisper.cpp, pull request 2454.
const WORDS: [(&str, f64); 5] =
    [("tiny", 0.0690), ("base", 0.0481), ("small", 0.0337), ("medium", 0.0270), ("large-v3-turbo", 0.0192)];

/// Types that are published for these, and by how much more words are wrong than in f16: docs/ACCURACY.md has q5_1 and
/// q5_0 of tiny.en and base between 3 and 5 % above, q8_0 is not told apart.
const TYPES: [(&str, f64); 2] = [("q8_0", 1.0), ("q5_1", 1.04)];

/// How far times may be from what is foretold, either way: with a calibration, and without.
const CALIBRATED: f64 = 1.3;
const GUESSED: f64 = 2.0;

/// An hour of speech is read in so many windows (docs/LONG.md).
const WINDOWS: usize = 131;
/// A short recording, for the real-time factor, seconds.
const CLIP_S: f64 = 11.0;

/// Every published size in the usual types.
///
/// # Errors
/// [`Failure::Interrupted`] after Ctrl-C.
pub fn candidates() -> Result<Vec<Candidate>, Failure> {
    let speed = speed();
    let (pace, margin) = match pace(&speed)? {
        Some(pace) => (pace, CALIBRATED),
        None => (1.0, GUESSED),
    };
    let sizes = WORDS.iter().filter_map(|(name, words)| Some((catalogue::find(name)?, *words)));
    let facts = sizes.flat_map(|(entry, words)| {
        let float = std::iter::once((families::of_entry(entry), words));
        float.chain(TYPES.iter().map(move |(kind, worse)| (families::in_type(entry, kind), words * worse)))
    });
    Ok(facts.enumerate().map(|(row, (facts, words))| candidate(row, &facts, words, &speed, pace, margin)).collect())
}

fn candidate(row: usize, facts: &ModelFacts, words: f64, speed: &Speed, pace: f64, margin: f64) -> Candidate {
    let settings = Settings::default();
    let about = |estimate: f64| Interval { estimate, low: estimate / margin, high: estimate * margin, level: 0.0 };
    let seconds = |lengths: &mut dyn Iterator<Item = f64>| pace * speed.seconds(facts, &settings, lengths);
    let memory = facts.memory_bytes(USUAL_BEAMS);
    Candidate {
        row,
        engine: "noctule".into(),
        model: facts.name.clone(),
        path: Some(PathBuf::from(&facts.name)),
        error_rate: Some(Interval { estimate: words, low: words, high: words, level: 0.0 }),
        real_time_factor: Some(about(seconds(&mut std::iter::once(CLIP_S)) / CLIP_S)),
        hour_s: Some(about(seconds(&mut std::iter::repeat_n(3600.0 / WINDOWS as f64, WINDOWS)))),
        memory_bytes: Some(memory),
        peak_bytes: Some(memory),
        file_bytes: facts.size_bytes,
        joules: None,
        tie: None,
        foretold: Some("short calibration, LibriSpeech test-clean".into()),
        settings,
    }
}

/// How much longer the embedded model takes than the cost model says; `None` in a program without one.
#[cfg(feature = "embedded-model")]
fn pace(speed: &Speed) -> Result<Option<f64>, Failure> {
    use crate::interrupt;
    use noctule::bench::Loads;
    use noctule::{Config, Error, Transcriber};
    use noctule_eval::plan::Place;

    /// Two windows, and as many steps of five beams as their speech has tokens.
    const LOADS: Loads = Loads { warm_up: true, windows: 2, singles: 0, batches: 228, prompts: 0 };
    interrupt::listen();
    let model = noctule::embedded_model().map_err(Failure::work)?;
    let facts = families::of_model(&model, Place::Embedded);
    let config = Config { threads: crate::cmd::eval::cores() as usize, ..Config::default() };
    let phases =
        Transcriber::new(model, config)?.bench(&LOADS, &mut interrupt::requested).map_err(|error| match error {
            Error::Cancelled => Failure::Interrupted("interrupted".into(), None),
            error => error.into(),
        })?;
    let measured = (phases.encode + phases.decode).as_secs_f64();
    let all = |windows: usize| speed.seconds(&facts, &Settings::default(), std::iter::repeat_n(30.0, windows));
    // The difference leaves out starting and loading.
    let expected = (all(LOADS.windows + 1) - all(1)).max(1e-9);
    Ok(Some(measured / expected))
}

#[cfg(not(feature = "embedded-model"))]
fn pace(_: &Speed) -> Result<Option<f64>, Failure> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use noctule_eval::recommend::{Budget, Ties, recommend};

    /// What a Raspberry Pi 4 is told, by the speed that the cost model takes for one.
    fn chosen(wish: &str) -> Option<String> {
        let speed = Speed::default();
        let all: Vec<Candidate> = WORDS
            .iter()
            .flat_map(|(name, words)| {
                let entry = catalogue::find(name).unwrap();
                let float = std::iter::once((families::of_entry(entry), *words));
                float.chain(TYPES.iter().map(move |(kind, worse)| (families::in_type(entry, kind), words * worse)))
            })
            .enumerate()
            .map(|(row, (facts, words))| candidate(row, &facts, words, &speed, 1.0, CALIBRATED))
            .collect();
        recommend(&all, &Ties::default(), Budget::parse(wish).unwrap()).choice.map(|choice| choice.model)
    }

    #[test]
    fn small_boards_get_small_models() {
        assert_eq!(chosen("").as_deref(), Some("large-v3-turbo-q8_0"), "as good as f16, and smaller");
        let real_time = chosen("real time with 1 GB").unwrap();
        assert!(real_time.starts_with("tiny") || real_time.starts_with("base"), "{real_time}");
        assert_eq!(chosen("smallest").as_deref(), Some("tiny-q5_1"));
        assert_eq!(chosen("with 20 MB"), None);
    }
}
