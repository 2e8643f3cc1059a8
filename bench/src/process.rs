//! Runs one program to its end and says what it took.

use crate::machine;
use anyhow::{Context, Result, bail};
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};
use wait4::Wait4;

/// What a program left behind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Finished {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// From its start to its end, seconds.
    pub seconds: f64,
    /// The largest resident set of this one process, bytes: what the system reports when it is waited for. That is never
    /// less than what this program had when it started the process; `None` where nothing more was seen.
    pub peak_rss: Option<u64>,
}

/// Runs `command`, which must succeed within `timeout`.
///
/// # Errors
/// It cannot be started, takes longer (and is ended), is killed by a signal or fails; the sentence says which.
pub fn run(mut command: Command, timeout: Duration) -> Result<Finished> {
    let program = command.get_program().display().to_string();
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let outputs = [drain(child.stdout.take()), drain(child.stderr.take())];
    let pid = child.id();
    let (done, over) = channel::<()>();
    // The child is waited for here, so that its own usage can be asked for; another thread ends it in time.
    let guard = thread::spawn(move || {
        let late = over.recv_timeout(timeout).is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout);
        // The process has not been waited for yet, so its number is its own.
        late && Command::new("kill").args(["-9", &pid.to_string()]).status().is_ok()
    });
    let waited = child.wait4();
    let seconds = started.elapsed().as_secs_f64();
    drop(done);
    let late = guard.join().unwrap_or(false);
    let [stdout, stderr] = outputs.map(|output| output.join().unwrap_or_default());
    let waited = waited.with_context(|| format!("waiting for {program}"))?;
    if late {
        bail!("{program} took longer than {} s", timeout.as_secs());
    }
    if !waited.status.success() {
        let last = stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        bail!("{program}: {}{}{last}", waited.status, if last.is_empty() { "" } else { ": " });
    }
    let peak_rss = Some(waited.rusage.maxrss).filter(|&peak| peak > machine::own_peak().unwrap_or(0));
    Ok(Finished { stdout, stderr, seconds, peak_rss })
}

fn drain(from: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            // What was read before an error is still worth showing.
            let _ = from.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, timeout: Duration) -> Result<Finished> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run(command, timeout)
    }

    #[test]
    fn output_time_and_memory_are_told() {
        let minute = Duration::from_secs(60);
        let finished = shell("echo out; echo err >&2; sleep 0.1", minute).unwrap();
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
        assert!((0.1..30.0).contains(&finished.seconds), "{}", finished.seconds);
        let mut python = Command::new("python3");
        python.args(["-c", "x = bytearray(400 << 20)"]);
        let Ok(large) = run(python, minute) else {
            eprintln!("skipped: there is no python3");
            return;
        };
        // Less than what the other tests of this process take would not be seen.
        let peak = large.peak_rss.unwrap();
        assert!((400 << 20..600 << 20).contains(&peak), "{peak}");
        let own = machine::own_peak().unwrap();
        let small = shell("true", minute).unwrap();
        assert!(small.peak_rss.is_none_or(|peak| peak > own && peak < 100 << 20), "{:?} of {own}", small.peak_rss);
    }

    #[test]
    fn failures_are_told_apart() {
        let minute = Duration::from_secs(60);
        let said = |result: Result<Finished>| format!("{:#}", result.unwrap_err());
        assert!(said(shell("echo why >&2; exit 3", minute)).contains("exit status: 3: why"));
        assert!(said(shell("kill -4 $$", minute)).contains("signal: 4"));
        assert!(said(run(Command::new("/nonexistent/x"), minute)).contains("cannot start /nonexistent/x"));
        let started = Instant::now();
        assert!(said(shell("exec sleep 60", Duration::from_millis(200))).contains("longer than 0 s"));
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
