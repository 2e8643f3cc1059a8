//! What is heard, kept as a FLAC file while it is heard.
//!
//! A thread of its own writes, because a disk may take a second to answer and a microphone does not wait. Twice a second
//! everything that was heard is forced to the disk, so that no more than the last second is lost with the power.

use noctule_audio::flac::FlacWriter;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the disk is waited for.
const SYNC: Duration = Duration::from_millis(400);
/// Silence that stands for lost samples is written in pieces of so many.
const PIECE: u64 = 16_000;

#[derive(Debug)]
enum Heard {
    Samples(Vec<f32>),
    Lost(u64),
    End,
}

/// Passes samples on to a [`Recording`].
#[derive(Debug, Clone)]
pub struct Tap(Sender<Heard>);

impl Tap {
    /// Keeps these samples.
    pub fn push(&self, samples: &[f32]) {
        // Without a recording there is nobody to tell.
        let _ = self.0.send(Heard::Samples(samples.to_vec()));
    }

    /// Keeps silence for so many samples that were lost.
    pub fn lose(&self, count: u64) {
        let _ = self.0.send(Heard::Lost(count));
    }
}

/// A recording in progress.
#[derive(Debug)]
pub struct Recording {
    tap: Tap,
    thread: JoinHandle<io::Result<u64>>,
    problem: Arc<Mutex<Option<String>>>,
    written: Arc<AtomicU64>,
}

impl Recording {
    /// Begins to write into the empty `file`.
    ///
    /// # Errors
    /// If it cannot be written, or the system allows no thread.
    pub fn start(file: File) -> io::Result<Self> {
        Self::with(FlacWriter::new(file)?)
    }

    /// Goes on with a recording that was interrupted; also returns the samples that it has.
    ///
    /// # Errors
    /// As [`FlacWriter::reopen`], and if the system allows no thread.
    pub fn go_on(path: &Path) -> io::Result<(Self, u64)> {
        let writer = FlacWriter::reopen(path)?;
        let len = writer.len();
        Ok((Self::with(writer)?, len))
    }

    fn with(writer: FlacWriter) -> io::Result<Self> {
        let written = Arc::new(AtomicU64::new(0));
        let count = written.clone();
        let (sender, receiver) = channel();
        let problem = Arc::new(Mutex::new(None));
        let told = problem.clone();
        let work = move || {
            let written = write(writer, &receiver, &count);
            if let Err(error) = &written {
                *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
            }
            written
        };
        let thread = std::thread::Builder::new().name("recording".into()).spawn(work)?;
        Ok(Self { tap: Tap(sender), thread, problem, written })
    }

    /// Where samples go in.
    pub fn tap(&self) -> Tap {
        self.tap.clone()
    }

    /// Why nothing is kept any more; told once.
    pub fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// How many samples can be read from the file by now.
    pub fn written(&self) -> Arc<AtomicU64> {
        self.written.clone()
    }

    /// Writes what came in until now; returns the number of samples.
    ///
    /// # Errors
    /// What went wrong while it was written.
    pub fn finish(self) -> io::Result<u64> {
        // A thread that has ended says why when it is joined.
        let _ = self.tap.0.send(Heard::End);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("a fault of the program")))
    }
}

fn write(mut writer: FlacWriter, receiver: &Receiver<Heard>, written: &AtomicU64) -> io::Result<u64> {
    let mut due = Instant::now() + SYNC;
    loop {
        match receiver.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(Heard::Samples(samples)) => writer.push(&samples)?,
            Ok(Heard::Lost(mut count)) => {
                while count > 0 {
                    let piece = count.min(PIECE);
                    writer.push(&vec![0.0; piece as usize])?;
                    count -= piece;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Heard::End) | Err(RecvTimeoutError::Disconnected) => return writer.finish(),
        }
        written.store(writer.written(), Ordering::Release);
        if Instant::now() >= due {
            writer.sync()?;
            due = Instant::now() + SYNC;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use noctule_audio::flac::read_whole;

    fn recorded(path: &Path) -> Vec<f32> {
        let mut all = Vec::new();
        read_whole(path, &mut |block| all.extend_from_slice(block));
        all
    }

    #[test]
    fn everything_is_kept_and_silence_for_what_was_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.flac");
        let recording = Recording::start(File::create(&path).unwrap()).unwrap();
        let tap = recording.tap();
        for _ in 0..100 {
            tap.push(&[0.25; 160]);
        }
        tap.lose(20_000);
        tap.push(&[0.5; 100]);
        assert_eq!(recording.problem(), None);
        assert_eq!(recording.finish().unwrap(), 36_100);
        tap.push(&[0.75]);
        let expected = [vec![0.25; 16_000], vec![0.0; 20_000], vec![0.5; 100]].concat();
        assert!(recorded(&path) == expected);
    }

    #[test]
    fn what_was_heard_can_be_read_while_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.flac");
        let recording = Recording::start(File::create(&path).unwrap()).unwrap();
        let tap = recording.tap();
        // Four blocks.
        tap.push(&[0.25; 16_384]);
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let (count, told) = (recorded(&path).len(), recording.written().load(Ordering::Acquire));
            if count == 16_384 && told == 16_384 {
                break;
            }
            assert!(Instant::now() < until, "{count}");
        }
        recording.finish().unwrap();
    }

    #[test]
    fn an_interrupted_recording_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.flac");
        let recording = Recording::start(File::create(&path).unwrap()).unwrap();
        recording.tap().push(&[0.25; 5000]);
        recording.finish().unwrap();
        let (recording, len) = Recording::go_on(&path).unwrap();
        assert_eq!(len, 5000);
        recording.tap().push(&[0.5; 5000]);
        assert_eq!(recording.finish().unwrap(), 10_000);
        assert_eq!(recorded(&path), [[0.25; 5000], [0.5; 5000]].concat());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert!(Recording::start(full).is_err());
    }
}
