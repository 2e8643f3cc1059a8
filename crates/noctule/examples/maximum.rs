//! What the running maximum of the log-mel (live input) does to the text: both
//! texts of each recording as JSON lines, greedy decoding with fallback.
//!
//! ```text
//! cargo run --release -p noctule --example maximum -- talk.flac meeting.wav
//! ```

use noctule::mel::MelMaximum;
use noctule::{Config, Options, Start, Transcriber};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut transcriber = Transcriber::new(noctule::embedded_model()?, Config::default())?;
    let mut options = Options::default();
    options.search.beam_size = 1;
    for path in std::env::args().skip(1) {
        let audio = noctule_audio::file::read(path.as_ref(), &Default::default())?;
        let mut text = |maximum| {
            let start = Start { maximum, resume: None };
            transcriber.transcribe_from(&mut audio.samples.as_slice(), &options, start, &mut ())
        };
        let (global, running) = (text(None)?, text(Some(MelMaximum::Running))?);
        let same = global.segments == running.segments;
        let (global, running) = (global.text(), running.text());
        println!("{}", serde_json::json!({ "file": path, "same": same, "global": global, "running": running }));
    }
    Ok(())
}
