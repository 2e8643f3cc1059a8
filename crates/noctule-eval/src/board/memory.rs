//! Memory of the whole machine: what is free, and the signs that too little is.

use super::root::{Root, counter, field};
use serde::{Deserialize, Serialize};

/// What `/proc/meminfo` says, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// All of it that the kernel manages.
    pub total_bytes: u64,
    /// What a new process may take without others being swapped out (`MemAvailable`).
    pub available_bytes: u64,
    /// Swap space.
    pub swap_total_bytes: u64,
    /// Swap space that is not in use.
    pub swap_free_bytes: u64,
}

impl Memory {
    /// Memory now; `None` where there is no `/proc`.
    pub fn now(root: &Root) -> Option<Self> {
        let text = root.read("/proc/meminfo")?;
        let bytes = |name| field(&text, name).map(|kib| kib * 1024);
        Some(Self {
            total_bytes: bytes("MemTotal")?,
            available_bytes: bytes("MemAvailable")?,
            swap_total_bytes: bytes("SwapTotal").unwrap_or(0),
            swap_free_bytes: bytes("SwapFree").unwrap_or(0),
        })
    }
}

/// Counters of `/proc/vmstat` that grow when memory is short; as a difference, what happened meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thrash {
    /// Pages that had to be read from a disk before somebody could go on.
    pub major_faults: u64,
    /// Pages read back from swap.
    pub swapped_in: u64,
    /// Pages written to swap.
    pub swapped_out: u64,
    /// Pages of files that were thrown away and soon needed again.
    pub refaults_file: u64,
    /// The same of anonymous memory.
    pub refaults_anon: u64,
    /// Processes that the kernel killed to get memory.
    pub oom_kills: u64,
}

impl Thrash {
    /// The counters now; zeros where there are none.
    pub fn now(root: &Root) -> Self {
        let text = root.read("/proc/vmstat").unwrap_or_default();
        let count = |name| counter(&text, name).unwrap_or(0);
        Self {
            major_faults: count("pgmajfault"),
            swapped_in: count("pswpin"),
            swapped_out: count("pswpout"),
            refaults_file: count("workingset_refault_file"),
            refaults_anon: count("workingset_refault_anon"),
            oom_kills: count("oom_kill"),
        }
    }

    /// What happened since `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            major_faults: self.major_faults.saturating_sub(before.major_faults),
            swapped_in: self.swapped_in.saturating_sub(before.swapped_in),
            swapped_out: self.swapped_out.saturating_sub(before.swapped_out),
            refaults_file: self.refaults_file.saturating_sub(before.refaults_file),
            refaults_anon: self.refaults_anon.saturating_sub(before.refaults_anon),
            oom_kills: self.oom_kills.saturating_sub(before.oom_kills),
        }
    }
}

/// Time lost to waiting (pressure stall information), seconds; as a difference, that of a stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Pressure {
    /// Some task waited for a processor: somebody else was using it.
    pub cpu_s: f64,
    /// Some task waited for memory.
    pub memory_s: f64,
    /// Nothing could run because of memory.
    pub memory_full_s: f64,
    /// Some task waited for a disk.
    pub io_s: f64,
}

impl Pressure {
    /// The totals now; `None` where the kernel keeps none.
    pub fn now(root: &Root) -> Option<Self> {
        let total = |file: &str, kind: &str| {
            let text = root.read(&format!("/proc/pressure/{file}"))?;
            let line = text.lines().find(|line| line.starts_with(kind))?;
            let (_, total) = line.split_once("total=")?;
            Some(total.trim().parse::<f64>().ok()? / 1e6)
        };
        Some(Self {
            cpu_s: total("cpu", "some")?,
            memory_s: total("memory", "some")?,
            memory_full_s: total("memory", "full")?,
            io_s: total("io", "some")?,
        })
    }

    /// What was lost since `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            cpu_s: self.cpu_s - before.cpu_s,
            memory_s: self.memory_s - before.memory_s,
            memory_full_s: self.memory_full_s - before.memory_full_s,
            io_s: self.io_s - before.io_s,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::root::tests::{machine, set};
    use super::*;

    #[test]
    fn memory_and_its_troubles() {
        let (_folder, root) = machine(&[
            (
                "/proc/meminfo",
                "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 600 kB\nSwapTotal: 8 kB\nSwapFree: 5 kB\n",
            ),
            ("/proc/vmstat", "pgmajfault 10\npswpin 1\npswpout 2\noom_kill 0\n"),
            ("/proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n"),
            ("/proc/pressure/memory", "some avg10=0.00 total=500000\nfull avg10=0.00 total=250000\n"),
            ("/proc/pressure/io", "some avg10=0.00 total=0\nfull avg10=0.00 total=0\n"),
        ]);
        let memory = Memory::now(&root).unwrap();
        assert_eq!((memory.available_bytes, memory.swap_free_bytes), (600 << 10, 5 << 10));
        let (thrash, pressure) = (Thrash::now(&root), Pressure::now(&root).unwrap());
        set(&root, "/proc/vmstat", "pgmajfault 15\npswpin 1\npswpout 9\noom_kill 1\n");
        set(&root, "/proc/pressure/memory", "some avg10=0.00 total=1500000\nfull avg10=0.00 total=250000\n");
        let thrash = Thrash::now(&root).since(thrash);
        assert_eq!((thrash.major_faults, thrash.swapped_out, thrash.oom_kills), (5, 7, 1));
        let pressure = Pressure::now(&root).unwrap().since(pressure);
        assert_eq!((pressure.cpu_s, pressure.memory_s, pressure.memory_full_s), (0.0, 1.0, 0.0));
    }

    #[test]
    fn a_kernel_without_pressure_or_proc() {
        let (_folder, root) = machine(&[("/proc/vmstat", "pgmajfault 1\n")]);
        assert_eq!(Pressure::now(&root), None);
        assert_eq!(Memory::now(&root), None);
        assert_eq!(Thrash::now(&root).oom_kills, 0);
    }
}
