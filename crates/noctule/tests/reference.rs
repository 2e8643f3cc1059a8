//! The numbers of OpenAI's Python package, computed from the same weights
//! (testdata/README.md says how), against ours.

mod common;

use common::{argmax, array, model, numbers, reference, relative_l2, small_set, speech, transcriber};
use noctule::{Options, Precision, Transcriber};
use noctule_kernels::GgmlType;
use noctule_model::{Model, synthetic};
use serde_json::Value;

/// Asked of the accurate mode.
const ACCURATE: f64 = 1e-4;
/// Asked of the fast mode.
const FAST: f64 = 3e-2;

fn clips(file: &Value) -> Vec<(String, Value)> {
    let mut clips: Vec<_> = file["clips"].as_object().unwrap().clone().into_iter().collect();
    clips.sort_by(|a, b| a.0.cmp(&b.0));
    if small_set() {
        clips.truncate(1);
    }
    clips
}

/// Largest distance of our log-mel from the reference's, over the frames that it keeps.
fn mel_difference(transcriber: &mut Transcriber, samples: &[f32], expected: &Value) -> f32 {
    let mel = transcriber.log_mel(samples);
    let columns = expected["shape"][1].as_u64().unwrap() as usize;
    let stride = expected["frame_stride"].as_u64().unwrap() as usize;
    let reference = array(&expected["file"]);
    let mut largest = 0.0f32;
    for column in 0..columns {
        for (channel, ours) in mel.frame(column * stride).enumerate() {
            largest = largest.max((ours - reference[channel * columns + column]).abs());
        }
    }
    largest
}

/// Rows of `features` that the reference keeps.
fn kept_rows(features: &[f32], expected: &Value) -> Vec<f32> {
    let width = expected["shape"][1].as_u64().unwrap() as usize;
    let stride = expected["row_stride"].as_u64().unwrap() as usize;
    features.chunks_exact(width).step_by(stride).flatten().copied().collect()
}

/// Log-mel, encoder and first tokens of every clip of `name`.
fn compare(name: &str, precision: Precision, bound: f64) {
    let Some(model) = model(name) else { return };
    let file = reference(&format!("{name}.json"));
    let mut transcriber = transcriber(model, Some(precision));
    for (clip, expected) in clips(&file) {
        let difference = mel_difference(&mut transcriber, &speech(&clip), &expected["mel"]);
        assert!(difference <= 1e-4, "{name} {clip}: log-mel differs by {difference}");
        let features = transcriber.encode(0);
        let distance = relative_l2(&kept_rows(&features, &expected["encoder"]), &array(&expected["encoder"]["file"]));
        println!("{name} {clip} {precision:?}: log-mel {difference:.1e}, encoder {distance:.1e}");
        assert!(distance <= bound, "{name} {clip}: encoder differs by {distance:.2e}, allowed {bound:.0e}");
        for first in ["first_timestamp", "first_text"] {
            let prompt = numbers(&expected[first]["prompt"]);
            let logits = transcriber.logits(&prompt);
            let last = &logits[logits.len() - logits.len() / prompt.len()..];
            assert_eq!(argmax(last), expected[first]["argmax"].as_u64().unwrap(), "{name} {clip} {first}");
        }
    }
}

#[test]
fn embedded_model_accurate() {
    if small_set() {
        return;
    }
    compare("tiny.en-q5_0", Precision::Accurate, ACCURATE);
}

#[test]
fn embedded_model_fast() {
    compare("tiny.en-q5_0", Precision::Fast, FAST);
}

#[test]
fn tiny_en_f16() {
    if small_set() {
        return;
    }
    compare("tiny.en", Precision::Accurate, ACCURATE);
    compare("tiny.en", Precision::Fast, FAST);
}

#[test]
fn base_f16() {
    if small_set() {
        return;
    }
    compare("base", Precision::Accurate, ACCURATE);
    compare("base", Precision::Fast, FAST);
}

/// Teacher-forced log-probabilities of the reference's own greedy tokens.
#[test]
fn token_probabilities() {
    if small_set() {
        return;
    }
    let name = "tiny.en-q5_0";
    let file = reference(&format!("{name}.json"));
    let mut transcriber = transcriber(model(name).unwrap(), Some(Precision::Accurate));
    for (clip, expected) in clips(&file) {
        transcriber.log_mel(&speech(&clip));
        transcriber.encode(0);
        let start = numbers(&expected["first_timestamp"]["prompt"]);
        let tokens = numbers(&expected["greedy"]["tokens"]);
        let eot = transcriber.model().vocab().eot();
        let n = transcriber.model().vocab().len();
        let mut logits = transcriber.logits(&[start.as_slice(), &tokens].concat()).to_vec();
        let wanted = expected["greedy"]["token_logprobs"].as_array().unwrap();
        for (i, (token, wanted)) in tokens.iter().chain([&eot]).zip(wanted).enumerate() {
            let row = &mut logits[(start.len() - 1 + i) * n..][..n];
            transcriber.compute().log_softmax(row);
            let difference = (f64::from(row[*token as usize]) - wanted.as_f64().unwrap()).abs();
            assert!(difference < 2e-3, "{clip} token {i}: log-probability differs by {difference}");
        }
    }
}

/// KL divergence of ours, log-probabilities, from the likeliest tokens of exact arithmetic and all others together: a lower
/// bound of that over all tokens, as what is lumped together cannot differ inside.
fn divergence(exact: &[f32], ours: &[f32]) -> f64 {
    let (tokens, exact) = exact.split_at(exact.len() / 2);
    let (mut sum, mut p_rest, mut q_rest) = (0.0, 1.0, 1.0);
    for (&token, &exact) in tokens.iter().zip(exact) {
        let (p, q) = (f64::from(exact), f64::from(ours[token as usize]));
        sum += p.exp() * (p - q);
        p_rest -= p.exp();
        q_rest -= q.exp();
    }
    sum + p_rest * (p_rest / q_rest).ln()
}

/// Distributions over the vocabulary along the reference's own greedy tokens, all in exact arithmetic.
fn compare_distributions(name: &str, precision: Precision, bound: f64) {
    let Some(model) = model(name) else { return };
    let file = reference(&format!("{name}/distributions.json"));
    let mut transcriber = transcriber(model, Some(precision));
    let n = transcriber.model().vocab().len();
    let (mut sum, mut most, mut count) = (0.0, 0.0f64, 0);
    for (clip, expected) in clips(&file) {
        transcriber.log_mel(&speech(&clip));
        transcriber.encode(0);
        let prompt = numbers(&expected["prompt"]);
        let mut logits = transcriber.logits(&[prompt.as_slice(), &numbers(&expected["tokens"])].concat()).to_vec();
        let width = expected["shape"][1].as_u64().unwrap() as usize;
        let exact = array(&expected["file"]);
        for (exact, ours) in exact.chunks_exact(width).zip(logits.chunks_exact_mut(n).skip(prompt.len() - 1)) {
            transcriber.compute().log_softmax(ours);
            let divergence = divergence(exact, ours);
            assert!(divergence > -1e-6, "{name} {clip}: {divergence} is less than nothing");
            (sum, most, count) = (sum + divergence, most.max(divergence), count + 1);
        }
    }
    let mean = sum / f64::from(count);
    println!("{name} {precision}: KL divergence {mean:.1e} in the mean of {count}, at most {most:.1e}");
    assert!(mean < bound, "{name} {precision}: mean KL divergence {mean:.2e}, allowed {bound:.0e}");
}

#[test]
fn token_distributions() {
    compare_distributions("tiny.en-q5_0", Precision::Fast, 1e-3);
    if small_set() {
        return;
    }
    compare_distributions("tiny.en-q5_0", Precision::Accurate, 1e-5);
    compare_distributions("base", Precision::Accurate, 1e-5);
    compare_distributions("base", Precision::Fast, 1e-3);
}

/// Word times against the package's: the median distance of starts and ends.
fn word_times(name: &str) {
    let Some(model) = model(name) else { return };
    let file = reference(&format!("{name}.json"));
    let mut transcriber = transcriber(model, Some(Precision::Accurate));
    let mut distances = Vec::new();
    for (clip, expected) in clips(&file) {
        let mut options = Options { word_timestamps: true, suppress_non_speech: true, ..Options::default() };
        options.search.beam_size = 1;
        options.language = noctule::options::LanguageChoice::Fixed(expected["language"].as_str().unwrap().into());
        let transcript = transcriber.transcribe(&speech(&clip), &options, &mut ()).unwrap();
        let ours: Vec<_> = transcript.segments.iter().flat_map(|s| &s.words).collect();
        let theirs: Vec<&Value> = expected["greedy"]["segments"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|segment| segment["words"].as_array().unwrap())
            .collect();
        let text = |words: Vec<&str>| words.concat().trim().to_owned();
        let their_text = text(theirs.iter().map(|w| w["word"].as_str().unwrap()).collect());
        if text(ours.iter().map(|w| w.word.as_str()).collect()) != their_text {
            println!("{name} {clip}: other words, not compared");
            continue;
        }
        assert_eq!(ours.len(), theirs.len(), "{name} {clip}: words are grouped differently");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            distances.push((ours.start - theirs["start"].as_f64().unwrap()).abs());
            distances.push((ours.end - theirs["end"].as_f64().unwrap()).abs());
        }
    }
    assert!(!distances.is_empty(), "{name}: no clip has the reference's words");
    distances.sort_by(f64::total_cmp);
    let (median, p95) = (distances[distances.len() / 2], distances[distances.len() * 95 / 100]);
    println!("{name}: {} times, median distance {median:.3} s, 95 % {p95:.3} s", distances.len());
    assert!(median <= 0.06, "{name}: median distance of word times {median} s");
}

#[test]
fn word_times_of_the_embedded_model() {
    if small_set() {
        return;
    }
    word_times("tiny.en-q5_0");
}

#[test]
fn word_times_of_real_models() {
    if small_set() {
        return;
    }
    word_times("tiny.en");
    word_times("base");
}

#[test]
fn languages_of_base() {
    if small_set() {
        return;
    }
    let Some(model) = model("base") else { return };
    let file = reference("base.json");
    let mut transcriber = transcriber(model, None);
    let mut options = Options::default();
    options.search.beam_size = 1;
    for (clip, expected) in clips(&file) {
        let transcript = transcriber.transcribe(&speech(&clip), &options, &mut ()).unwrap();
        assert_eq!(transcript.language, expected["language"].as_str().unwrap(), "{clip}");
    }
}

/// Models of every kind with random weights, made here as the recipe says.
#[test]
fn every_kind_of_model() {
    let file = reference("synthetic.json");
    for (name, expected) in file["models"].as_object().unwrap() {
        if small_set() && name != "v3" {
            continue;
        }
        let (kind, ty) = match name.strip_suffix("-f32") {
            Some(kind) => (kind, GgmlType::F32),
            None => (name.as_str(), GgmlType::F16),
        };
        let kind = synthetic::Kind::ALL.into_iter().find(|k| k.name() == kind).unwrap();
        let header = synthetic::header(kind.hparams()).unwrap();
        let model = Model::from_vec(name, synthetic::model(&header, ty, 1).unwrap()).unwrap();
        let (mels, vocab) = (kind.hparams().n_mels, kind.hparams().n_vocab);
        let mut transcriber = transcriber(model, Some(Precision::Accurate));
        let columns: Vec<f32> = synthetic::uniform("mel", mels * 3000, 1).collect();
        let frames: Vec<f32> = (0..3000 * mels).map(|i| columns[(i % mels) * 3000 + i / mels]).collect();
        let features = transcriber.encode_mel(&frames);
        let distance = relative_l2(&kept_rows(&features, &expected["encoder"]), &array(&expected["encoder"]["file"]));
        assert!(distance <= ACCURATE, "{name}: encoder differs by {distance:.2e}");
        let tokens = numbers(&expected["forced"]["tokens"]);
        let logits = transcriber.logits(&tokens);
        for (row, step) in logits.chunks_exact(vocab).zip(expected["forced"]["steps"].as_array().unwrap()) {
            assert_eq!(argmax(row), step[0].as_u64().unwrap(), "{name}: likeliest token");
            let difference = (f64::from(row[argmax(row) as usize]) - step[1].as_f64().unwrap()).abs();
            assert!(difference < 1e-2, "{name}: logit differs by {difference}");
        }
    }
}

/// The 128-channel filter bank of the newer models.
#[test]
fn log_mel_with_128_channels() {
    let file = reference("synthetic.json");
    let expected = &file["mel128"];
    let kind = synthetic::Kind::ALL.into_iter().find(|k| k.hparams().n_mels == 128).unwrap();
    let header = synthetic::header(kind.hparams()).unwrap();
    let model = Model::from_vec("v3", synthetic::model(&header, GgmlType::F16, 1).unwrap()).unwrap();
    let mut transcriber = transcriber(model, None);
    let samples = speech(expected["clip"].as_str().unwrap());
    let difference = mel_difference(&mut transcriber, &samples, expected);
    assert!(difference <= 1e-4, "log-mel differs by {difference}");
}
