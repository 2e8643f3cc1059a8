//! What became of a measurement: every one ends in a row with one of these.

use super::request::{Exit, Killed, Reply};
use crate::board::{BoardUse, describe_throttle};
use serde::{Deserialize, Serialize};

/// The end of a measurement, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Measured.
    Ok,
    /// Measured, but the machine was throttled or under-voltage, however often it was tried.
    Throttled,
    /// Some recordings could not be read or gave no text; the others are measured.
    Partial,
    /// The engine ended with an error.
    Failed,
    /// The engine was ended by a signal.
    Crashed,
    /// The engine did not end in time.
    Timeout,
    /// The engine needed more memory than it was allowed.
    MemoryLimit,
    /// The system ran out of memory.
    OutOfMemory,
    /// The machine went down, twice, while this was measured.
    Quarantined,
    /// The engine or the model is not there.
    Missing,
    /// It cannot exist, or the engine cannot do it.
    NotApplicable,
    /// It was not tried: it would not fit, or the time was over.
    NotRun,
}

impl Status {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Throttled => "throttled",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Crashed => "crashed",
            Self::Timeout => "timeout",
            Self::MemoryLimit => "memory limit",
            Self::OutOfMemory => "out of memory",
            Self::Quarantined => "quarantined",
            Self::Missing => "missing",
            Self::NotApplicable => "n/a",
            Self::NotRun => "not run",
        }
    }

    /// Whether there are figures.
    pub fn has_figures(self) -> bool {
        matches!(self, Self::Ok | Self::Throttled | Self::Partial)
    }

    /// Whether trying the same again is of no use.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Missing | Self::MemoryLimit | Self::NotApplicable | Self::Quarantined)
    }
}

/// What engines say when they get no memory under a limit: of Rust, C++, C, GNU's tools and Python.
const NO_MEMORY: [&str; 7] = [
    "memory allocation of",
    "bad_alloc",
    "cannot allocate memory",
    "out of memory",
    "memory exhausted",
    "memoryerror",
    "failed to allocate",
];

/// Longest detail, characters.
const DETAIL: usize = 300;

/// Judges how a command ended, before its output is looked at. The second part says more, where there is more to say.
pub fn judge(reply: &Reply, board: &BoardUse, memory_limit: Option<u64>) -> (Status, String) {
    let limited = memory_limit.is_some();
    // Quicker than anybody looked.
    let exceeded = memory_limit.is_some_and(|limit| reply.usage.peak_bytes() > limit);
    match (reply.killed, &reply.exit) {
        (Some(Killed::Timeout), _) => (Status::Timeout, format!("did not end within {:.0} s", reply.usage.wall_s)),
        (Some(Killed::MemoryLimit), _) => (Status::MemoryLimit, memory(reply)),
        (Some(Killed::LowMemory), _) => {
            (Status::OutOfMemory, format!("killed in time: {}, and the system had almost nothing left", memory(reply)))
        }
        (Some(Killed::Flood), _) => (Status::Failed, "printed without end".into()),
        (None, Exit::NotStarted(why)) => (Status::Missing, why.clone()),
        (None, Exit::Unwatched) => (Status::Crashed, "the process that watched it was ended by somebody else".into()),
        (None, Exit::Signal(9)) if board.thrash.oom_kills > 0 => {
            (Status::OutOfMemory, format!("killed by the kernel: {}", memory(reply)))
        }
        (None, Exit::Code(0)) if exceeded => (Status::MemoryLimit, memory(reply)),
        (None, Exit::Code(0)) if board.throttled != 0 => {
            (Status::Throttled, describe_throttle(board.throttled).join(", "))
        }
        (None, Exit::Code(0)) => (Status::Ok, String::new()),
        (None, _) if limited && speaks_of_memory(&reply.stderr) => (Status::MemoryLimit, last_line(&reply.stderr)),
        (None, Exit::Code(code)) => (Status::Failed, format!("exit code {code}: {}", last_line(&reply.stderr))),
        (None, Exit::Signal(signal)) => (Status::Crashed, format!("signal {signal}{}", name(*signal))),
    }
}

fn memory(reply: &Reply) -> String {
    format!("it had {} MB", reply.usage.peak_bytes() >> 20)
}

fn speaks_of_memory(stderr: &str) -> bool {
    let text = stderr.to_lowercase();
    NO_MEMORY.iter().any(|words| text.contains(words))
}

/// The last thing that an engine said, shortened.
pub(crate) fn last_line(stderr: &str) -> String {
    let line = stderr.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it said nothing");
    let short: String = line.chars().take(DETAIL).collect();
    if short.len() < line.len() { short + "…" } else { short }
}

fn name(signal: i32) -> &'static str {
    match signal {
        4 => " (illegal instruction)",
        6 => " (aborted itself)",
        8 => " (arithmetic)",
        9 => " (killed by somebody else)",
        11 => " (segmentation fault)",
        7 => " (bus error)",
        15 => " (asked to end by somebody else)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::Usage;
    use super::*;
    use crate::board::Thrash;

    /// Less than the replies had.
    const LIMIT: u64 = 200 << 20;

    fn reply(exit: Exit, killed: Option<Killed>, stderr: &str) -> Reply {
        let usage = Usage { wall_s: 12.0, max_rss_bytes: 300 << 20, ..Usage::default() };
        Reply { exit, killed, usage, stdout: String::new(), stderr: stderr.into() }
    }

    #[test]
    fn every_end_has_a_status() {
        let calm = BoardUse::default();
        let oom = BoardUse { thrash: Thrash { oom_kills: 1, ..Thrash::default() }, ..BoardUse::default() };
        let hot = BoardUse { throttled: 4, ..BoardUse::default() };
        for (exit, killed, stderr, board, limit, status, detail) in [
            (Exit::Code(0), None, "", &calm, None, Status::Ok, ""),
            (Exit::Code(0), None, "", &hot, None, Status::Throttled, "throttled"),
            (Exit::Code(0), None, "", &calm, Some(LIMIT), Status::MemoryLimit, "it had 300 MB"),
            (Exit::Code(0), None, "", &calm, Some(1 << 30), Status::Ok, ""),
            (Exit::Code(3), None, "a\nno such model\n\n", &calm, None, Status::Failed, "exit code 3: no such model"),
            (Exit::Code(3), None, "", &hot, None, Status::Failed, "it said nothing"),
            (Exit::Signal(11), None, "", &calm, Some(LIMIT), Status::Crashed, "segmentation"),
            (Exit::Signal(9), None, "", &calm, None, Status::Crashed, "killed by somebody else"),
            (Exit::Signal(9), None, "", &oom, None, Status::OutOfMemory, "kernel: it had 300 MB"),
            (Exit::Signal(9), Some(Killed::MemoryLimit), "", &calm, Some(LIMIT), Status::MemoryLimit, "300 MB"),
            (
                Exit::Signal(6),
                None,
                "memory allocation of 99 bytes failed",
                &calm,
                Some(LIMIT),
                Status::MemoryLimit,
                "99",
            ),
            (Exit::Signal(6), None, "memory allocation of 99 bytes failed", &calm, None, Status::Crashed, "aborted"),
            (Exit::Signal(15), Some(Killed::Timeout), "", &calm, None, Status::Timeout, "12 s"),
            (Exit::Code(0), Some(Killed::Timeout), "", &calm, None, Status::Timeout, ""),
            (Exit::Signal(9), Some(Killed::LowMemory), "", &calm, None, Status::OutOfMemory, "in time"),
            (Exit::Signal(9), Some(Killed::Flood), "", &calm, None, Status::Failed, "without end"),
            (Exit::NotStarted("there is no program 'x'".into()), None, "", &calm, None, Status::Missing, "'x'"),
            (Exit::Unwatched, None, "", &calm, None, Status::Crashed, "watched"),
        ] {
            let (found, said) = judge(&reply(exit.clone(), killed, stderr), board, limit);
            assert_eq!(found, status, "{exit:?} {killed:?}");
            assert!(said.contains(detail), "{exit:?}: {said}");
        }
    }

    #[test]
    fn long_last_words_are_shortened() {
        assert_eq!(last_line(&"x".repeat(1000)).chars().count(), DETAIL + 1);
    }
}
