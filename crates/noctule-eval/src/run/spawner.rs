//! The spawner: a small process that starts one engine, watches it and tells what it took.
//!
//! One line of JSON enters on standard input (a [`Request`]), one leaves on standard output (a [`Reply`]). Standard
//! input stays open as long as whoever asked is alive; when it closes, the engine is killed. The spawner exists for one
//! engine only, so that what the kernel counts of its children is that engine's.

use super::request::{Exit, Killed, Reply, Request, Usage};
use super::stage::{self, Said};
use super::watch;
use crate::board::{Memory, Root};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::io::{self, BufRead, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks at the engine.
const PERIOD: Duration = Duration::from_millis(100);
/// Between two looks that walk its page tables.
const PROPORTIONAL_PERIOD: Duration = Duration::from_millis(500);
/// How long output may still come when the engine has ended: somebody else may have its pipe.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// What is kept of the beginning and of the end of standard error, bytes.
const STDERR_KEPT: usize = 128 << 10;

/// Runs one request; `stage` are the words by which this program is started as [`stage::run`].
pub fn run(stage: &[OsString]) -> ExitCode {
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line).is_err() {
        return ExitCode::FAILURE;
    }
    let reply = match serde_json::from_str::<Request>(&line) {
        Ok(request) => watched(&request, stage),
        Err(error) => not_started(format!("the request is not understood: {error}")),
    };
    let Ok(mut text) = serde_json::to_string(&reply) else { return ExitCode::FAILURE };
    text.push('\n');
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn not_started(why: String) -> Reply {
    Reply {
        exit: Exit::NotStarted(why),
        killed: None,
        usage: Usage::default(),
        stdout: String::new(),
        stderr: String::new(),
    }
}

/// What the threads share about the engine.
#[derive(Debug, Default)]
struct Shared {
    /// It has ended, and its number may soon be another's.
    ended: bool,
    killed: Option<Killed>,
    usage: Usage,
}

type State = Arc<Mutex<Shared>>;

fn lock(state: &State) -> std::sync::MutexGuard<'_, Shared> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends a signal to the engine and its children, unless it has ended.
fn signal(state: &State, group: Pid, signal: Signal, reason: Option<Killed>) {
    let mut shared = lock(state);
    if !shared.ended {
        // The first reason is the true one.
        shared.killed = shared.killed.or(reason);
        let _ = killpg(group, signal);
    }
}

fn watched(request: &Request, stage_words: &[OsString]) -> Reply {
    let [stage_program, stage_words @ ..] = stage_words else {
        return not_started("there is no stage to start".into());
    };
    let limit = request.memory_limit_bytes.map_or("-".into(), |limit| limit.to_string());
    let mut command = Command::new(stage_program);
    command.args(stage_words).arg(limit).args(&request.command);
    command.envs(request.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    if let Some(folder) = &request.folder {
        command.current_dir(folder);
    }
    let asked = stage::now_ns();
    // This thread starts it and stays until it ends: `PDEATHSIG` looks at the thread.
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return not_started(format!("cannot start a process: {error}")),
    };
    let state = State::default();
    let group = Pid::from_raw(child.id().cast_signed());
    let stdout = listen(child.stdout.take(), group, &state, request.output_limit_bytes, usize::MAX);
    let stderr = listen(child.stderr.take(), group, &state, request.output_limit_bytes, STDERR_KEPT);
    end_with_the_asker(group, &state);
    watch_over(request.clone(), child.id(), group, &state);
    // Without reaping: until then the number belongs to nobody else.
    let _ = waitid(Id::Pid(group), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
    let ended = stage::now_ns();
    let (killed, mut usage) = {
        let mut shared = lock(&state);
        shared.ended = true;
        // Children that it has left behind.
        let _ = killpg(group, Signal::SIGKILL);
        (shared.killed, std::mem::take(&mut shared.usage))
    };
    let exit = reap(&mut child);
    let (stdout, stderr) = (heard(&stdout), heard(&stderr));
    let stderr_text = stderr.text();
    let (said, rest) = stage::hear(&stderr_text);
    let mut stage_used = (0, 0);
    let (mut start, mut exit) = (asked, exit);
    for said in said {
        match said {
            Said::Start(at, user, system) => (start, stage_used) = (at, (user, system)),
            Said::Failed(why) => exit = Exit::NotStarted(why),
        }
    }
    usage.wall_s = seconds(ended.saturating_sub(start));
    usage.first_output_s = stdout.first_ns.map(|at| seconds(at.saturating_sub(start)));
    count(&mut usage, stage_used);
    Reply { exit, killed, usage, stdout: stdout.text(), stderr: rest.to_owned() }
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

fn reap(child: &mut Child) -> Exit {
    match child.wait() {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, signal) => Exit::Signal(signal.unwrap_or(0)),
        },
        Err(_) => Exit::Unwatched,
    }
}

/// Fills in what the kernel counted of the only child that was ever waited for.
fn count(usage: &mut Usage, stage_used: (u64, u64)) {
    let Ok(counted) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return };
    let seconds = |time: nix::sys::time::TimeVal, less: u64| {
        let micros = (time.tv_sec() * 1_000_000 + time.tv_usec()).unsigned_abs();
        micros.saturating_sub(less) as f64 / 1e6
    };
    usage.user_s = seconds(counted.user_time(), stage_used.0);
    usage.system_s = seconds(counted.system_time(), stage_used.1);
    // Linux counts kibibytes.
    usage.max_rss_bytes = counted.max_rss().unsigned_abs() * 1024;
    usage.minor_faults = counted.minor_page_faults().unsigned_abs();
    usage.major_faults = counted.major_page_faults().unsigned_abs();
    usage.voluntary_switches = counted.voluntary_context_switches().unsigned_abs();
    usage.involuntary_switches = counted.involuntary_context_switches().unsigned_abs();
}

/// What came through a pipe.
#[derive(Debug, Default)]
struct Output {
    head: Vec<u8>,
    tail: Vec<u8>,
    cut: bool,
    first_ns: Option<u64>,
}

impl Output {
    fn add(&mut self, bytes: &[u8], kept: usize) {
        let into_head = bytes.len().min(kept.saturating_sub(self.head.len()));
        let (head, tail) = bytes.split_at(into_head);
        self.head.extend_from_slice(head);
        self.tail.extend_from_slice(tail);
        if self.tail.len() > kept.saturating_mul(2) {
            self.tail.drain(..self.tail.len() - kept);
            self.cut = true;
        }
    }

    fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        if self.cut {
            text += "\n[…]\n";
        }
        text + &String::from_utf8_lossy(&self.tail)
    }
}

/// Reads a pipe in a thread of its own, to its end.
fn listen(
    pipe: Option<impl Read + Send + 'static>,
    group: Pid,
    state: &State,
    most: u64,
    kept: usize,
) -> (Receiver<()>, Arc<Mutex<Output>>) {
    let (done, wait) = channel();
    let output: Arc<Mutex<Output>> = Arc::default();
    let (state, into) = (state.clone(), output.clone());
    thread::spawn(move || {
        let (mut buffer, mut total) = ([0; 16 << 10], 0u64);
        let Some(mut pipe) = pipe else { return };
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            let now = stage::now_ns();
            let mut output = into.lock().unwrap_or_else(PoisonError::into_inner);
            output.first_ns.get_or_insert(now);
            total += count as u64;
            if total <= most {
                output.add(&buffer[..count], kept);
            } else {
                signal(&state, group, Signal::SIGKILL, Some(Killed::Flood));
            }
        }
        let _ = done.send(());
    });
    (wait, output)
}

/// What was heard when the engine had ended.
fn heard((wait, output): &(Receiver<()>, Arc<Mutex<Output>>)) -> Output {
    let _ = wait.recv_timeout(LAST_WORDS);
    std::mem::take(&mut output.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Kills the engine and ends when standard input closes.
fn end_with_the_asker(group: Pid, state: &State) {
    let state = state.clone();
    thread::spawn(move || {
        let mut byte = [0; 64];
        while matches!(io::stdin().read(&mut byte), Ok(1..)) {}
        signal(&state, group, Signal::SIGKILL, None);
        std::process::exit(1);
    });
}

/// Looks at the engine until it has ended, and ends it when it goes too far.
fn watch_over(request: Request, pid: u32, group: Pid, state: &State) {
    let state = state.clone();
    thread::spawn(move || {
        let root = Root::default();
        let started = Instant::now();
        let timeout = Duration::try_from_secs_f64(request.timeout_s).unwrap_or(Duration::MAX);
        let kill_after = timeout.saturating_add(Duration::from_secs_f64(request.grace_s.clamp(0.0, 3600.0)));
        let mut proportional_due = PERIOD;
        let mut asked = false;
        loop {
            thread::sleep(PERIOD);
            if lock(&state).ended {
                return;
            }
            let elapsed = started.elapsed();
            let found = watch::look(&root, pid);
            let disk = watch::read_bytes(&root, pid);
            let pss = (elapsed >= proportional_due).then(|| watch::proportional(&root, pid)).flatten();
            {
                let mut shared = lock(&state);
                found.into_iter().for_each(|look| shared.usage.saw(look));
                pss.into_iter().for_each(|pss| shared.usage.saw_proportional(pss));
                shared.usage.read_bytes = disk.or(shared.usage.read_bytes);
            }
            if elapsed >= proportional_due {
                proportional_due = elapsed + PROPORTIONAL_PERIOD;
            }
            let over = |limit: u64| found.is_some_and(|look| look.rss > limit);
            if request.memory_limit_bytes.is_some_and(over) {
                signal(&state, group, Signal::SIGKILL, Some(Killed::MemoryLimit));
            } else if Memory::now(&root).is_some_and(|memory| memory.available_bytes < request.floor_bytes) {
                signal(&state, group, Signal::SIGKILL, Some(Killed::LowMemory));
            } else if elapsed >= kill_after {
                signal(&state, group, Signal::SIGKILL, Some(Killed::Timeout));
            } else if elapsed >= timeout && !asked {
                asked = true;
                signal(&state, group, Signal::SIGTERM, Some(Killed::Timeout));
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_long_output_beginning_and_end_are_kept() {
        let mut output = Output::default();
        for i in 0..1000 {
            output.add(format!("line {i}\n").as_bytes(), 100);
        }
        let text = output.text();
        assert!(text.starts_with("line 0\n") && text.ends_with("line 999\n") && text.contains("[…]"), "{text}");
        assert!(text.len() < 400, "{}", text.len());
        for kept in [100, usize::MAX] {
            let mut whole = Output::default();
            whole.add(b"short", kept);
            assert_eq!(whole.text(), "short");
        }
    }

    #[test]
    fn pipes_are_read_to_their_end() {
        let (state, group) = (State::default(), Pid::from_raw(1));
        lock(&state).ended = true;
        let (wait, output) = listen(Some(&b"some text"[..]), group, &state, 4, usize::MAX);
        let output = heard(&(wait, output));
        assert!(output.first_ns.is_some());
        // More than is allowed is not kept.
        assert_eq!(output.text(), "");
    }
}
