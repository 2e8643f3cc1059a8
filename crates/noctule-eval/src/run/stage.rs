//! The last stage before an engine runs: this process limits itself and then becomes the engine.
//!
//! It is a stage of its own because limits must be in place before the engine's first instruction, and because it is
//! small: the kernel counts the memory of whoever starts a program into that program's peak (`ru_maxrss` survives `exec`),
//! so a fat parent makes every engine look fat.

use nix::sys::prctl;
use nix::sys::resource::{Resource, UsageWho, getrusage, setrlimit};
use nix::sys::signal::Signal;
use nix::time::{ClockId, clock_gettime};
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::{fs, io};

/// Begins the line that tells the spawner when the engine took over. No program prints a record separator.
pub(super) const MARK: &str = "\u{1e}noctule-stage ";

/// Exit code of a program that could not be started; shells use the same.
const NOT_STARTED: u8 = 127;

/// Becomes the command in `words`: the most memory in bytes or `-`, then program and arguments. Returns only if that
/// fails.
pub fn run(words: &[OsString]) -> ExitCode {
    let [limit, program, arguments @ ..] = words else {
        return failed("the stage was called without a command");
    };
    // An engine must not outlive whoever watches it.
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    // When memory runs out the engine is to go, not the evaluation. Any process may raise its own score.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    // A core dump of a crash would fill the card.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    if let Some(limit) = limit.to_str().and_then(|limit| limit.parse::<u64>().ok()) {
        // Private memory that can be written: models that are mapped from their files do not count.
        if let Err(error) = setrlimit(Resource::RLIMIT_DATA, limit, limit) {
            return failed(&format!("cannot limit memory: {error}"));
        }
    }
    let mut command = Command::new(program);
    command.args(arguments);
    let (user, system) = used();
    eprintln!("{MARK}start {} {user} {system}", now_ns());
    let error = command.exec();
    failed(&match error.kind() {
        io::ErrorKind::NotFound => format!("there is no program '{}'", program.display()),
        io::ErrorKind::PermissionDenied => format!("'{}' may not be run", program.display()),
        _ => format!("'{}' cannot be run: {error}", program.display()),
    })
}

fn failed(why: &str) -> ExitCode {
    eprintln!("{MARK}failed {}", why.replace('\n', " "));
    ExitCode::from(NOT_STARTED)
}

/// A clock that nobody sets, nanoseconds.
pub(super) fn now_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC_RAW)
        .map_or(0, |time| time.tv_sec().unsigned_abs() * 1_000_000_000 + time.tv_nsec().unsigned_abs())
}

/// Processor time of this process so far, microseconds: in the program, in the kernel.
fn used() -> (u64, u64) {
    let micros = |time: nix::sys::time::TimeVal| (time.tv_sec() * 1_000_000 + time.tv_usec()).unsigned_abs();
    getrusage(UsageWho::RUSAGE_SELF).map_or((0, 0), |usage| (micros(usage.user_time()), micros(usage.system_time())))
}

/// What a line of the stage says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The engine took over at this time; the stage had used so much processor time, microseconds.
    Start(u64, u64, u64),
    /// It could not.
    Failed(String),
}

/// Takes the stage's lines from the beginning of what was printed on standard error.
pub(super) fn hear(stderr: &str) -> (Vec<Said>, &str) {
    let (mut said, mut rest) = (Vec::new(), stderr);
    while let Some(after) = rest.strip_prefix(MARK) {
        let (line, next) = after.split_once('\n').unwrap_or((after, ""));
        if let Some(why) = line.strip_prefix("failed ") {
            said.push(Said::Failed(why.to_owned()));
        } else {
            let numbers: Vec<u64> = line.split(' ').skip(1).filter_map(|word| word.parse().ok()).collect();
            if let [at, user, system] = numbers[..] {
                said.push(Said::Start(at, user, system));
            }
        }
        rest = next;
    }
    (said, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_lines_are_told_from_the_engines() {
        let text = format!("{MARK}start 12 3 4\n{MARK}failed there is no program 'x'\nwarning: {MARK}\n");
        let (said, rest) = hear(&text);
        assert_eq!(said, [Said::Start(12, 3, 4), Said::Failed("there is no program 'x'".into())]);
        assert_eq!(rest, format!("warning: {MARK}\n"));
        assert_eq!(hear("plain"), (Vec::new(), "plain"));
    }

    #[test]
    fn the_clock_goes_forward() {
        let first = now_ns();
        assert!(first > 0 && now_ns() >= first);
    }
}
