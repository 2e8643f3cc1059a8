//! A long recording, and again window by window: each window in a run of its
//! own that knows nothing but the checkpoint before it. Fails where the segments differ.
//!
//! ```text
//! cargo run --release -p noctule --example windows -- hour.wav
//! ```

use noctule::{Checkpoint, Config, Error, Events, Options, Resume, Segment, Start, Transcriber};

/// Ends a run after one window and keeps the checkpoint as text.
#[derive(Default)]
struct OneWindow {
    checkpoint: Option<String>,
    segments: Vec<Segment>,
}

impl Events for OneWindow {
    fn checkpoint(&mut self, checkpoint: &Checkpoint, segments: &[Segment]) {
        self.checkpoint = serde_json::to_string(checkpoint).ok();
        self.segments.extend_from_slice(segments);
    }

    fn cancelled(&mut self) -> bool {
        self.checkpoint.is_some()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("an audio file is needed")?;
    let audio = noctule_audio::file::read(path.as_ref(), &Default::default())?;
    let mut transcriber = Transcriber::new(noctule::embedded_model()?, Config::default())?;
    let mut options = Options { word_timestamps: true, ..Options::default() };
    options.search.beam_size = 1;
    let whole = transcriber.transcribe(&audio.samples, &options, &mut ())?;

    let (mut resume, mut windows) = (None::<Resume>, 0);
    let pieces = loop {
        let mut one = OneWindow::default();
        let start = Start { maximum: None, resume: resume.clone() };
        match transcriber.transcribe_from(&mut audio.samples.as_slice(), &options, start, &mut one) {
            Ok(transcript) => break transcript,
            Err(Error::Cancelled) => {}
            Err(error) => return Err(error.into()),
        }
        let checkpoint = serde_json::from_str(&one.checkpoint.ok_or("stopped without a checkpoint")?)?;
        let mut segments = resume.map_or(Vec::new(), |resume| resume.segments);
        segments.append(&mut one.segments);
        resume = Some(Resume { checkpoint, segments });
        windows += 1;
    };
    if pieces != whole {
        return Err("the segments differ".into());
    }
    println!("{windows} windows one by one: the same {} segments", whole.segments.len());
    Ok(())
}
