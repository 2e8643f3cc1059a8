//! The side that asks: starts a spawner for each measurement and waits for its answer.

use super::request::{Exit, Reply, Request, Usage};
use crate::Error;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Between two questions whether to stop.
const PATIENCE: Duration = Duration::from_millis(50);
/// What a spawner may take beyond the engine's own time before it counts as lost.
const LOST_AFTER: Duration = Duration::from_secs(30);

/// How to start a spawner.
#[derive(Debug, Clone)]
pub struct Launcher {
    words: Vec<OsString>,
}

impl Launcher {
    /// `words` start a program that calls [`spawn`](super::spawn): this one, with a hidden verb.
    pub fn new(words: Vec<OsString>) -> Self {
        Self { words }
    }

    /// Runs a command in a process of its own and waits. `stop` is asked meanwhile.
    ///
    /// # Errors
    /// [`Error::Stopped`], and [`Error::Io`] if no process can be started.
    pub fn run(&self, request: &Request, stop: &dyn Fn() -> bool) -> Result<Reply, Error> {
        let [program, arguments @ ..] = self.words.as_slice() else {
            return Err(Error::Usage("there is no program to start measurements with".into()));
        };
        let failed = |source| Error::Io { action: "start", path: Path::new(program).to_path_buf(), source };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        apart(&mut command);
        let mut child = command.spawn().map_err(failed)?;
        let mut line = serde_json::to_string(request).map_err(|error| failed(error.into()))?;
        line.push('\n');
        let mut stdin = child.stdin.take();
        // A spawner that has ended already gives no answer, which is seen below.
        let _ = stdin.as_mut().map(|pipe| pipe.write_all(line.as_bytes()).and_then(|()| pipe.flush()));
        let (sender, receiver) = channel();
        let stdout = child.stdout.take();
        std::thread::spawn(move || {
            let mut answer = String::new();
            let read = stdout.map(|pipe| BufReader::new(pipe).read_line(&mut answer));
            let _ = sender.send(read.and_then(Result::ok).map(|_| answer));
        });
        let longest = Duration::try_from_secs_f64(request.timeout_s + request.grace_s).unwrap_or(Duration::MAX);
        let (started, longest) = (Instant::now(), longest.saturating_add(LOST_AFTER));
        let answer = loop {
            match receiver.recv_timeout(PATIENCE) {
                Ok(answer) => break answer,
                Err(RecvTimeoutError::Disconnected) => break None,
                Err(RecvTimeoutError::Timeout) if stop() => {
                    // It kills the engine when nobody holds the other end.
                    drop(stdin.take());
                    let _ = child.wait();
                    return Err(Error::Stopped);
                }
                Err(RecvTimeoutError::Timeout) if started.elapsed() > longest => {
                    let _ = child.kill();
                    break None;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        };
        drop(stdin);
        let _ = child.wait();
        Ok(answer.and_then(|line| serde_json::from_str(&line).ok()).unwrap_or_else(unwatched))
    }
}

fn unwatched() -> Reply {
    Reply { exit: Exit::Unwatched, killed: None, usage: Usage::default(), stdout: String::new(), stderr: String::new() }
}

/// Ctrl-C at a terminal goes to the whole group of the program: measurements are not to hear it.
#[cfg(unix)]
fn apart(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(not(unix))]
fn apart(_command: &mut Command) {}
