//! Programs that record: `pw-record` and `arecord`.
//!
//! Each is started with a vector of arguments, never by a shell, in a process group of its own so that a Ctrl-C at the terminal does
//! not end it first, and writes 16-bit samples at 16 kHz, of one channel or two, to its standard output. What it says on standard error is kept for
//! messages; the overruns that arecord reports there are counted as lost samples.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Captured, MicOptions};
use crate::SAMPLE_RATE;

/// What records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tool {
    /// PipeWire's program.
    PwRecord,
    /// ALSA's program.
    Arecord,
    /// No program: the system's own interface, by the crate cpal.
    #[cfg(any(feature = "cpal", target_os = "macos", windows))]
    Cpal,
}

/// Bytes that are read at once at most: half a second of one channel.
const READ: usize = 16_000;
/// A program that gives no sound for so long after its start will give none.
const PATIENCE: Duration = Duration::from_secs(5);
/// Lines of a program's messages that are kept.
const LINES: usize = 3;
/// Magic of Sun's audio format, in which newer versions of pw-record write to a pipe.
const AU: &[u8; 4] = b".snd";
/// No sensible header is longer: 24 bytes and a remark.
const LONGEST_HEADER: u32 = 65_536;

impl Tool {
    /// In the order in which they are tried: where PipeWire runs, it owns the devices.
    #[cfg(not(any(feature = "cpal", target_os = "macos", windows)))]
    pub const ALL: [Self; 2] = [Self::PwRecord, Self::Arecord];
    /// In the order in which they are tried: where PipeWire runs, it owns the devices; macOS and Windows have no such programs.
    #[cfg(any(feature = "cpal", target_os = "macos", windows))]
    pub const ALL: [Self; 3] = if cfg!(any(target_os = "macos", windows)) {
        [Self::Cpal, Self::PwRecord, Self::Arecord]
    } else {
        [Self::PwRecord, Self::Arecord, Self::Cpal]
    };

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::PwRecord => "pw-record",
            Self::Arecord => "arecord",
            #[cfg(any(feature = "cpal", target_os = "macos", windows))]
            Self::Cpal => "cpal",
        }
    }

    /// Arguments with which the program records to standard output.
    pub fn arguments(self, options: &MicOptions) -> Vec<String> {
        let rate = SAMPLE_RATE.to_string();
        let channels = if options.stereo { "2" } else { "1" };
        let words: &[&str] = match self {
            Self::PwRecord => &["--rate", &rate, "--channels", channels, "--format", "s16", "--latency", "50ms"],
            // A second of reserve against overruns, brought in pieces of a twentieth.
            Self::Arecord => {
                &["-q", "-t", "raw", "-f", "S16_LE", "-r", &rate, "-c", channels, "-F", "50000", "-B", "1000000"]
            }
            #[cfg(any(feature = "cpal", target_os = "macos", windows))]
            Self::Cpal => return Vec::new(),
        };
        let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        if let Some(device) = &options.device {
            let flag = if self == Self::PwRecord { "--target" } else { "-D" };
            words.extend([flag.to_owned(), device.clone()]);
        }
        words.push("-".into());
        words
    }
}

/// A running program.
pub(super) struct Recording {
    tool: Tool,
    child: Arc<Mutex<Child>>,
    stdout: ChildStdout,
    /// Bytes that were read and are no whole frame, or not looked at yet.
    bytes: Vec<u8>,
    /// Two channels come, samples of left and right in turn.
    stereo: bool,
    /// Samples are big-endian, as after an AU header.
    big_endian: bool,
    messages: Arc<Messages>,
    listener: Option<JoinHandle<()>>,
    stopped: Arc<AtomicBool>,
}

/// What a program says on standard error.
#[derive(Debug, Default)]
struct Messages {
    last: Mutex<Vec<String>>,
    /// Samples that it says were lost.
    lost: AtomicU64,
}

impl Messages {
    fn hear(&self, line: &str) {
        let line = line.trim();
        if let Some(milliseconds) = overrun(line) {
            let frames = (milliseconds * f64::from(SAMPLE_RATE) / 1000.0).round();
            // A float-to-integer `as` saturates.
            self.lost.fetch_add(frames as u64, Ordering::Relaxed);
        } else if !line.is_empty() {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.push(line.to_owned());
            let excess = last.len().saturating_sub(LINES);
            last.drain(..excess);
        }
    }

    fn text(&self) -> String {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).join(" / ")
    }
}

/// Milliseconds of `overrun!!! (at least 12.345 ms long)`.
fn overrun(line: &str) -> Option<f64> {
    let (_, after) = line.split_once("overrun!!! (at least ")?;
    after.split_once(" ms")?.0.parse().ok().filter(|ms: &f64| ms.is_finite() && *ms >= 0.0)
}

impl Recording {
    /// Starts `tool` and waits for its first samples. `None` where it is not installed.
    pub fn start(tool: Tool, options: &MicOptions) -> Result<Option<Self>, String> {
        let mut command = Command::new(tool.name());
        command.args(tool.arguments(options)).env("LC_ALL", "C");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot be started: {error}")),
        };
        let stdout = child.stdout.take().ok_or("it has no output")?;
        let stderr = child.stderr.take().ok_or("it has no messages")?;
        let messages = Arc::new(Messages::default());
        let heard = messages.clone();
        let listener = std::thread::spawn(move || {
            let mut lines = BufReader::new(stderr);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                heard.hear(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        let mut recording = Self {
            tool,
            child: Arc::new(Mutex::new(child)),
            stdout,
            bytes: Vec::new(),
            stereo: options.stereo,
            big_endian: false,
            messages,
            listener: Some(listener),
            stopped: Arc::default(),
        };
        recording.first_samples_in_time()?;
        Ok(Some(recording))
    }

    /// As [`first_samples`](Self::first_samples), but ends a program that gives none: PipeWire waits for a device for ever.
    fn first_samples_in_time(&mut self) -> Result<(), String> {
        let (heard, waits) = mpsc::channel::<()>();
        let child = self.child.clone();
        let watch = std::thread::spawn(move || {
            let late = waits.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
            if late {
                // It may have ended by itself.
                let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
            }
            late
        });
        let first = self.first_samples();
        drop(heard);
        match watch.join() {
            Ok(true) => Err(format!("it gave no sound in {} seconds", PATIENCE.as_secs())),
            _ => first,
        }
    }

    /// Waits until sound comes, and looks whether a header does.
    fn first_samples(&mut self) -> Result<(), String> {
        while self.bytes.len() < AU.len() {
            if !self.more()? {
                return Err("it ended without a sound".into());
            }
        }
        if !self.bytes.starts_with(AU) {
            return Ok(());
        }
        let number =
            |bytes: &[u8], at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        while self.bytes.len() < 24 || self.bytes.len() < number(&self.bytes, 4).min(LONGEST_HEADER) as usize {
            if !self.more()? {
                return Err("it ended in the middle of a header".into());
            }
        }
        let [start, encoding, rate, channels] = [4, 12, 16, 20].map(|at| number(&self.bytes, at));
        // Encoding 3 is linear with 16 bits.
        if (encoding, rate, channels) != (3, SAMPLE_RATE, 1 + u32::from(self.stereo))
            || !(24..=LONGEST_HEADER).contains(&start)
        {
            return Err(format!("it records {channels} channels at {rate} Hz in encoding {encoding} of AU"));
        }
        self.bytes.drain(..start as usize);
        self.big_endian = true;
        Ok(())
    }

    /// Reads what is there; `false` at a wished end.
    fn more(&mut self) -> Result<bool, String> {
        let before = self.bytes.len();
        self.bytes.resize(before + READ, 0);
        let read = self.stdout.read(&mut self.bytes[before..]);
        self.bytes.truncate(before + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) | Err(_) => self.ended().map(|()| false),
            Ok(_) => Ok(true),
        }
    }

    /// Why it has ended.
    fn ended(&mut self) -> Result<(), String> {
        let status = self.status();
        // Its last words may be on their way; a child that it has left behind may hold the line open for ever.
        let listener = self.listener.take();
        wait_until(|| listener.as_ref().is_none_or(JoinHandle::is_finished));
        if self.stopped.load(Ordering::Relaxed) {
            return Ok(());
        }
        let said = self.messages.text();
        match status {
            _ if !said.is_empty() => Err(said),
            Ok(status) => Err(format!("ended ({status})")),
            Err(error) => Err(format!("ended: {error}")),
        }
    }

    /// How it ended; one that has closed its output and goes on is ended.
    fn status(&self) -> std::io::Result<ExitStatus> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        wait_until(|| !matches!(child.try_wait(), Ok(None)));
        // An error says that it has ended already.
        let _ = child.kill();
        child.wait()
    }

    /// As [`Microphone::read`](super::Microphone::read); the error is what the program said.
    pub fn read(&mut self, captured: &mut Captured) -> Result<bool, String> {
        let frame = if self.stereo { 4 } else { 2 };
        while self.bytes.len() < frame {
            if !self.more()? {
                return Ok(false);
            }
        }
        let whole = self.bytes.len() / frame * frame;
        let read = if self.big_endian { i16::from_be_bytes } else { i16::from_le_bytes };
        let pairs = self.bytes[..whole].as_chunks().0.iter();
        let samples = pairs.map(|pair| f32::from(read(*pair)) / 32768.0);
        if self.stereo {
            captured.push_frames(samples);
        } else {
            captured.samples.extend(samples);
        }
        self.bytes.drain(..whole);
        captured.lost = self.messages.lost.swap(0, Ordering::Relaxed);
        Ok(true)
    }

    pub fn stopper(&self) -> Box<dyn Fn() + Send + Sync> {
        let (child, stopped) = (self.child.clone(), self.stopped.clone());
        Box::new(move || {
            stopped.store(true, Ordering::Relaxed);
            // It may have ended by itself.
            let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
        })
    }
}

/// Waits a little for what should be so in a moment.
fn wait_until(mut done: impl FnMut() -> bool) {
    for _ in 0..50 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill().and_then(|()| child.wait().map(drop));
    }
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording").field("tool", &self.tool).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_ask_for_16_khz() {
        let words = |tool: Tool, device: Option<&str>| {
            let options = MicOptions { device: device.map(str::to_owned), ..MicOptions::default() };
            tool.arguments(&options).join(" ")
        };
        let stereo = MicOptions { stereo: true, ..MicOptions::default() };
        assert!(Tool::Arecord.arguments(&stereo).join(" ").contains("-r 16000 -c 2 "));
        assert!(Tool::PwRecord.arguments(&stereo).join(" ").contains("--channels 2 "));
        assert_eq!(
            words(Tool::Arecord, Some("hw:1,0")),
            "-q -t raw -f S16_LE -r 16000 -c 1 -F 50000 -B 1000000 -D hw:1,0 -"
        );
        assert_eq!(
            words(Tool::PwRecord, Some("alsa_input.usb")),
            "--rate 16000 --channels 1 --format s16 --latency 50ms --target alsa_input.usb -"
        );
        assert!(!words(Tool::PwRecord, None).contains("target"));
    }

    #[test]
    fn overruns_are_counted_and_messages_kept() {
        let messages = Messages::default();
        messages.hear("overrun!!! (at least 12.500 ms long)\n");
        messages.hear("overrun!!! (at least 0.125 ms long)");
        messages.hear("overrun!!! (at least -1e99 ms long)");
        assert_eq!(messages.lost.load(Ordering::Relaxed), 202);
        for line in ["a", "", "b", "c", "d"] {
            messages.hear(line);
        }
        assert_eq!(messages.text(), "b / c / d");
    }
}
