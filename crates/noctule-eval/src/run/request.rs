//! What the spawner is asked, and what it answers: one line of JSON each.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A command to run and watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Set in the environment.
    pub environment: Vec<(String, String)>,
    /// Where it runs.
    pub folder: Option<PathBuf>,
    /// It is asked to end after this long, seconds.
    pub timeout_s: f64,
    /// Between asking to end and killing, seconds.
    pub grace_s: f64,
    /// Memory that it may have.
    pub memory_limit_bytes: Option<u64>,
    /// It is killed when the system has less than this available.
    pub floor_bytes: u64,
    /// It is killed when it prints more than this.
    pub output_limit_bytes: u64,
}

impl Request {
    /// A command without limits but those of patience: ten minutes and 64 MiB of output.
    pub fn new(command: Vec<String>) -> Self {
        Self {
            command,
            environment: Vec::new(),
            folder: None,
            timeout_s: 600.0,
            grace_s: 3.0,
            memory_limit_bytes: None,
            floor_bytes: 0,
            output_limit_bytes: 64 << 20,
        }
    }
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// It never ran: why.
    NotStarted(String),
    /// Whoever watched it ended first.
    Unwatched,
}

/// Why the spawner killed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Killed {
    /// It took too long.
    Timeout,
    /// It had more memory than it may.
    MemoryLimit,
    /// The system was about to run out of memory.
    LowMemory,
    /// It printed without end.
    Flood,
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// How it ended.
    pub exit: Exit,
    /// Who ended it, if the spawner did.
    pub killed: Option<Killed>,
    /// What it took.
    pub usage: Usage,
    /// What it printed on standard output.
    pub stdout: String,
    /// The beginning and the end of what it printed on standard error.
    pub stderr: String,
}

/// What one process took, from the moment that its program was loaded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Wall-clock time (`CLOCK_MONOTONIC_RAW`), seconds.
    pub wall_s: f64,
    /// Processor time in the program, seconds.
    pub user_s: f64,
    /// Processor time in the kernel, seconds.
    pub system_s: f64,
    /// Until the first byte on standard output, seconds.
    pub first_output_s: Option<f64>,
    /// Largest resident set as `wait4` tells: of the process or the largest of its children.
    pub max_rss_bytes: u64,
    /// The process's own high-water mark (`VmHWM`) when it was last looked at.
    pub vm_hwm_bytes: Option<u64>,
    /// Largest sum of the resident sets of the process and its children that was seen.
    pub tree_rss_bytes: Option<u64>,
    /// Largest proportional set size that was seen, and its parts: anonymous memory, pages of files.
    pub pss_bytes: Option<[u64; 3]>,
    /// Largest amount of swap that was seen.
    pub swap_bytes: u64,
    /// Page faults that needed no disk.
    pub minor_faults: u64,
    /// Page faults that did.
    pub major_faults: u64,
    /// Times that it waited for something.
    pub voluntary_switches: u64,
    /// Times that something else was given the processor.
    pub involuntary_switches: u64,
    /// Bytes that came from a disk, when last looked at.
    pub read_bytes: Option<u64>,
}

impl Usage {
    /// The peak of memory: the kernel's own count, or the sum over a tree of processes where that is more.
    pub fn peak_bytes(&self) -> u64 {
        self.max_rss_bytes.max(self.vm_hwm_bytes.unwrap_or(0)).max(self.tree_rss_bytes.unwrap_or(0))
    }
}
