//! The files of a meeting, by its name.

use crate::cmd::transcribe::{model, output};
use crate::failure::Failure;
use noctule::format::{Captions, Document, Format};
use noctule::report::{self, Kernels, Memory, Timing};
use noctule::{Transcriber, Transcript};
use std::path::{Path, PathBuf};

/// What is written at the end.
const FORMATS: [Format; 3] = [Format::Txt, Format::Srt, Format::Json];

/// Where everything is.
#[derive(Debug, Clone)]
pub struct Files {
    /// What the meeting is called.
    pub name: PathBuf,
}

impl Files {
    /// NAME, with or without `.flac`.
    pub fn new(name: &Path) -> Self {
        let is_flac = name.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("flac"));
        Self { name: if is_flac { name.with_extension("") } else { name.to_path_buf() } }
    }

    fn with(&self, ending: &str) -> PathBuf {
        let mut path = self.name.clone().into_os_string();
        path.push(".");
        path.push(ending);
        path.into()
    }

    /// The recording.
    pub fn flac(&self) -> PathBuf {
        self.with("flac")
    }

    /// The segments so far.
    pub fn minutes(&self) -> PathBuf {
        self.with("minutes.jsonl")
    }

    /// What there is of the recording and the transcripts.
    pub fn there(&self) -> Option<PathBuf> {
        let results = FORMATS.iter().map(|format| self.with(format.extension()));
        std::iter::once(self.flac()).chain(results).find(|path| path.exists())
    }

    /// Writes the transcripts, aside and renamed.
    ///
    /// # Errors
    /// [`Failure::Work`] for what cannot be written.
    pub fn write(&self, listener: &Listener, transcript: &Transcript, timing: &Timing) -> Result<(), Failure> {
        let file = self.flac().display().to_string();
        let document = Document {
            file: &file,
            model: &listener.model,
            transcript,
            timing,
            memory: Memory { peak_rss_bytes: noctule::memory::peak_rss_bytes().unwrap_or(0) },
            kernels: &listener.kernels,
            origin: None,
        };
        for format in FORMATS {
            output::write_file(&self.with(format.extension()), format, &document, &Captions::default())?;
        }
        Ok(())
    }
}

/// Who listens, for the JSON.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Its model.
    pub model: report::Model,
    kernels: Kernels,
}

impl Listener {
    /// This one.
    pub fn of(transcriber: &Transcriber) -> Self {
        let compute = transcriber.compute();
        let kernels = Kernels {
            tier: compute.tier().to_string(),
            threads: compute.threads(),
            precision: compute.precision().to_string(),
        };
        Self { model: model::report(transcriber.model()), kernels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_name_of_the_meeting() {
        for name in ["notes/talk.1", "notes/talk.1.flac", "notes/talk.1.FLAC"] {
            let files = Files::new(Path::new(name));
            assert_eq!(files.flac(), Path::new("notes/talk.1.flac"));
            assert_eq!(files.with("srt"), Path::new("notes/talk.1.srt"));
            assert_eq!(files.minutes(), Path::new("notes/talk.1.minutes.jsonl"));
        }
    }
}
