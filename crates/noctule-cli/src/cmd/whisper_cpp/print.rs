//! Lines in whisper.cpp's shapes: what scripts look for (src/whisper.cpp and examples/cli/cli.cpp, commit 233fe1fc).

use crate::cmd::transcribe::{colour_scale, hours};
use noctule::memory::Buffers;
use noctule::timing::{Pass, Phases};
use noctule::transcript::Speaker;
use noctule::{Model, Segment, Transcriber};
use std::fmt::Write;
use std::time::Duration;

/// How the text of a segment looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    /// Times in front, and a line for each segment.
    pub times: bool,
    /// Colours or styles of words.
    pub shades: Shades,
    /// Speakers stand in front.
    pub speakers: bool,
    /// Turns of speakers are marked.
    pub turns: bool,
}

/// What tells how sure a word is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shades {
    /// Nothing.
    #[default]
    None,
    /// From red to green.
    Colours,
    /// Inverse, underlined, dim.
    Styles,
}

/// A segment; `first` of its recording. Loops are left out.
pub fn segment(segment: &Segment, look: Look, first: bool) -> String {
    let mut text = String::from(if first { "\n" } else { "" });
    if !segment.is_shown() {
        return text;
    }
    if look.times {
        let _ = write!(text, "[{} --> {}]  ", hours(segment.start), hours(segment.end));
    }
    text.push_str(match segment.speaker.filter(|_| look.speakers) {
        None => "",
        Some(Speaker::Left) => "(speaker 0)",
        Some(Speaker::Right) => "(speaker 1)",
        Some(Speaker::Unknown) => "(speaker ?)",
    });
    if look.shades == Shades::None || segment.words.is_empty() {
        text.push_str(&segment.text);
    } else {
        for word in &segment.words {
            let _ = write!(text, "\x1b[{}m{}\x1b[0m", shade(look.shades, word.probability), word.word);
        }
    }
    if look.turns && segment.speaker_turn_next {
        text.push_str(" [SPEAKER_TURN]");
    }
    if look.times || look.speakers {
        text.push('\n');
    }
    text
}

fn shade(shades: Shades, probability: f32) -> String {
    match shades {
        Shades::Styles if probability < 0.33 => "7".into(),
        Shades::Styles if probability < 0.66 => "4".into(),
        Shades::Styles => "2".into(),
        _ => format!("38;5;{}", colour_scale(probability)),
    }
}

/// Bytes as megabytes.
fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The header of a model, and the size of its weights, which stay in the file.
pub fn model(model: &Model) -> String {
    let h = model.hparams();
    let weights: u64 = model.tensors().map(|tensor| tensor.size_bytes() as u64).sum();
    let fields = [
        ("n_vocab", h.n_vocab),
        ("n_audio_ctx", h.n_audio_ctx),
        ("n_audio_state", h.n_audio_state),
        ("n_audio_head", h.n_audio_head),
        ("n_audio_layer", h.n_audio_layer),
        ("n_text_ctx", h.n_text_ctx),
        ("n_text_state", h.n_text_state),
        ("n_text_head", h.n_text_head),
        ("n_text_layer", h.n_text_layer),
        ("n_mels", h.n_mels),
        ("ftype", h.ftype as usize % QUANTISATION_VERSION),
        ("qntvr", h.ftype as usize / QUANTISATION_VERSION),
    ];
    let mut text = String::from("whisper_model_load: loading model\n");
    for (name, value) in fields {
        let _ = writeln!(text, "whisper_model_load: {name:<13} = {value}");
    }
    let _ = writeln!(text, "whisper_model_load: {:>12} total size = {:8.2} MB", "CPU", mb(weights));
    let _ = writeln!(text, "whisper_model_load: model size    = {:7.2} MB", mb(weights));
    text
}

/// A file's `ftype` is this times the version of the quantisation, plus the type (ggml.h: `GGML_QNT_VERSION_FACTOR`).
const QUANTISATION_VERSION: usize = 1000;

/// The processor and how it is used.
pub fn system(transcriber: &Transcriber) -> String {
    let compute = transcriber.compute();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "\nsystem_info: n_threads = {} / {processors} | NOCTULE : {} = 1 | PRECISION : {} = 1 |\n",
        compute.threads(),
        compute.tier().to_string().to_uppercase(),
        compute.precision().to_string().to_uppercase(),
    )
}

/// The buffers that were needed, one by one, and the most memory that the program has had, mapped weights included.
/// Where the system does not tell that it is the sum of what is known.
pub fn memory(model: &Model, buffers: &Buffers) -> String {
    let lines = [
        ("kv self size ", buffers.self_kv),
        ("kv cross size", buffers.cross_kv),
        ("compute buffer (conv)  ", buffers.mel),
        ("compute buffer (encode)", buffers.encoder),
        ("compute buffer (cross) ", 0),
        ("compute buffer (decode)", buffers.decoder),
    ];
    let mut text = String::new();
    for (name, bytes) in lines {
        let _ = writeln!(text, "whisper_init_state: {name} = {:7.2} MB", mb(bytes));
    }
    let known = || model.size_bytes() + buffers.total();
    let total = noctule::memory::peak_rss_bytes().unwrap_or_else(known);
    let _ = writeln!(text, "total memory = {:.2} MB", mb(total));
    text
}

/// Where the time went.
pub fn timings(load: Duration, phases: &Phases, total: Duration) -> String {
    const NAME: &str = "whisper_print_timings";
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let passes = &phases.passes;
    let all = passes.single.time + passes.batch.time + passes.prompt.time;
    let choices = passes.single.choices + passes.batch.choices + passes.prompt.choices;
    let sample = Pass { time: phases.decode.saturating_sub(all), tokens: choices, choices };
    let encode = Pass { time: phases.encode, tokens: phases.windows, choices: 0 };
    let mut text = format!(
        "\n{NAME}:     load time = {:8.2} ms\n{NAME}:     fallbacks = {:3} p / {:3} h\n{NAME}:      mel time = {:8.2} ms\n",
        ms(load),
        phases.improbable,
        phases.looped,
        ms(phases.mel)
    );
    let rows = [
        ("sample", sample),
        ("encode", encode),
        ("decode", passes.single),
        ("batchd", passes.batch),
        ("prompt", passes.prompt),
    ];
    for (name, pass) in rows {
        let runs = pass.tokens.max(1);
        let (time, each) = (ms(pass.time), ms(pass.time) / runs as f64);
        let _ = writeln!(text, "{NAME}: {name:>8} time = {time:8.2} ms / {runs:5} runs ( {each:8.2} ms per run)");
    }
    let _ = writeln!(text, "{NAME}:    total time = {:8.2} ms", ms(total));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use noctule::Word;
    use noctule::timing::Passes;

    fn said() -> Segment {
        let word =
            |word: &str, probability| Word { word: word.into(), start: 0.0, end: 1.0, probability, token_count: 1 };
        Segment {
            id: 0,
            start: 0.0,
            end: 2.36,
            text: " So it was".into(),
            tokens: Vec::new(),
            avg_logprob: 0.0,
            no_speech_prob: 0.0,
            compression_ratio: 1.0,
            temperature: 0.0,
            words: vec![word(" So", 0.1), word(" it", 0.5), word(" was", 1.0)],
            speaker: Some(Speaker::Right),
            speaker_turn_next: true,
            doubt: None,
        }
    }

    #[test]
    fn segments_look_as_there() {
        let look = Look { times: true, ..Look::default() };
        assert_eq!(segment(&said(), look, true), "\n[00:00:00.000 --> 00:00:02.360]   So it was\n");
        assert_eq!(segment(&said(), Look::default(), false), " So it was");
        let look = Look { speakers: true, turns: true, ..Look::default() };
        assert_eq!(segment(&said(), look, false), "(speaker 1) So it was [SPEAKER_TURN]\n");
        let look = Look { shades: Shades::Styles, ..Look::default() };
        assert_eq!(segment(&said(), look, false), "\x1b[7m So\x1b[0m\x1b[4m it\x1b[0m\x1b[2m was\x1b[0m");
        let looped = Segment { doubt: Some(noctule::transcript::Doubt::Repetition), ..said() };
        assert_eq!(segment(&looped, Look { times: true, ..Look::default() }, false), "");
    }

    #[test]
    fn timings_look_as_there() {
        let ms = Duration::from_millis;
        let pass = |time, tokens, choices| Pass { time: ms(time), tokens, choices };
        let passes = Passes { single: pass(200, 2, 2), batch: pass(300, 10, 10), prompt: Pass::default() };
        let phases = Phases {
            mel: ms(5),
            encode: ms(1000),
            decode: ms(620),
            windows: 2,
            improbable: 1,
            passes,
            ..Phases::default()
        };
        let expected = "
whisper_print_timings:     load time =    10.00 ms
whisper_print_timings:     fallbacks =   1 p /   0 h
whisper_print_timings:      mel time =     5.00 ms
whisper_print_timings:   sample time =   120.00 ms /    12 runs (    10.00 ms per run)
whisper_print_timings:   encode time =  1000.00 ms /     2 runs (   500.00 ms per run)
whisper_print_timings:   decode time =   200.00 ms /     2 runs (   100.00 ms per run)
whisper_print_timings:   batchd time =   300.00 ms /    10 runs (    30.00 ms per run)
whisper_print_timings:   prompt time =     0.00 ms /     1 runs (     0.00 ms per run)
whisper_print_timings:    total time =  2000.00 ms
";
        assert_eq!(timings(ms(10), &phases, ms(2000)), expected);
    }
}
