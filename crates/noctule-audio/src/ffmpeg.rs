//! ffmpeg as a reader of what the crate's own readers do not know.
//!
//! Enters: a file. Leaves: a WAV stream of 32-bit floats at the file's own rate
//! and channels, which [`crate::file`] reads like any other, so that every
//! source is mixed and resampled by the same code. ffmpeg is a program of its
//! own on the `PATH`, started with a vector of arguments and never by a shell.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use symphonia::core::io::MediaSource;

/// When to let ffmpeg read a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum FfmpegUse {
    /// If it is installed, for what cannot be read without it.
    #[default]
    Auto,
    /// Not at all.
    Never,
    /// For every file.
    Always,
}

impl FfmpegUse {
    /// All values.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Never, Self::Always];

    /// The name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Never => "never",
            Self::Always => "always",
        }
    }
}

impl fmt::Display for FfmpegUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no [`FfmpegUse`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not auto, never or always")]
pub struct UnknownFfmpegUse(String);

impl FromStr for FfmpegUse {
    type Err = UnknownFfmpegUse;

    fn from_str(text: &str) -> Result<Self, UnknownFfmpegUse> {
        Self::ALL.into_iter().find(|u| u.name() == text).ok_or_else(|| UnknownFfmpegUse(text.into()))
    }
}

/// What ffmpeg is to read.
pub(crate) enum Input<'p> {
    Path(&'p Path),
    /// A file that has no name, standing at its start.
    File(File),
}

/// What ffmpeg said last; filled when its output has ended.
pub(crate) type Report = Arc<Mutex<Option<String>>>;

/// A running ffmpeg, whose output is read; it is killed when this is dropped.
pub(crate) struct Decoding {
    child: Child,
    stdout: ChildStdout,
    stderr: Option<JoinHandle<Option<String>>>,
    report: Report,
}

impl Decoding {
    /// Starts ffmpeg. The error's kind is `NotFound` if it is not installed.
    pub(crate) fn start(input: Input<'_>) -> io::Result<Self> {
        let mut child = command(input).spawn()?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            let _ = child.kill();
            return Err(io::Error::other("its output is missing"));
        };
        let stderr = Some(std::thread::spawn(move || last_line(stderr)));
        Ok(Self { child, stdout, stderr, report: Report::default() })
    }

    /// Where its last message will be.
    pub(crate) fn report(&self) -> Report {
        Arc::clone(&self.report)
    }

    /// Waits for the end and notes what was said.
    fn conclude(&mut self) -> io::Result<()> {
        let Some(stderr) = self.stderr.take() else { return Ok(()) };
        let status = self.child.wait()?;
        let said = stderr.join().ok().flatten();
        let said = said.or_else(|| (!status.success()).then(|| format!("it ended with {status}")));
        if let (Some(said), Ok(mut report)) = (said, self.report.lock()) {
            *report = Some(said);
        }
        Ok(())
    }
}

fn command(input: Input<'_>) -> Command {
    let mut command = Command::new("ffmpeg");
    // Local files only: a playlist must not make it fetch from the network.
    command.args(["-nostdin", "-hide_banner", "-v", "error", "-protocol_whitelist", "file,pipe", "-i"]);
    match input {
        Input::Path(path) => {
            command.arg(url(path.as_os_str())).stdin(Stdio::null());
        }
        // Opened by name it can be sought in, unlike a pipe.
        Input::File(file) if cfg!(unix) => {
            command.arg("file:/dev/stdin").stdin(file);
        }
        Input::File(file) => {
            command.arg("pipe:0").stdin(file);
        }
    }
    command.args(["-map", "0:a:0", "-vn", "-sn", "-dn", "-c:a", "pcm_f32le", "-f", "wav", "pipe:1"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A file's name as ffmpeg takes it: with its protocol, so that neither a `-`
/// at its start nor a `:` inside means something else.
fn url(path: &OsStr) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

/// The last line that is not blank, shortened.
fn last_line(stderr: ChildStderr) -> Option<String> {
    const LONGEST: usize = 300;
    let mut last = None;
    for line in BufReader::new(stderr).split(b'\n') {
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(&line);
        let clean: String = line.trim().chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        if !clean.is_empty() {
            last = Some(clean);
        }
    }
    last
}

impl Read for Decoding {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.stdout.read(buf)?;
        if read == 0 && !buf.is_empty() {
            self.conclude()?;
        }
        Ok(read)
    }
}

impl Seek for Decoding {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl MediaSource for Decoding {
    fn is_seekable(&self) -> bool {
        false
    }

    fn byte_len(&self) -> Option<u64> {
        None
    }
}

impl Drop for Decoding {
    fn drop(&mut self) {
        // Both fail if it has ended already, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for value in FfmpegUse::ALL {
            assert_eq!(value.to_string().parse(), Ok(value));
        }
        let error = "yes".parse::<FfmpegUse>().unwrap_err();
        assert_eq!(error.to_string(), "'yes' is not auto, never or always");
    }

    #[test]
    fn names_are_no_options() {
        let command = command(Input::Path(Path::new("-y; rm $HOME:x.amr")));
        let args: Vec<_> = command.get_args().collect();
        assert!(args.contains(&OsStr::new("file:-y; rm $HOME:x.amr")), "{args:?}");
    }
}
