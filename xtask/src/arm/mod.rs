//! The two Raspberry Pis without a Raspberry Pi: what their kernels cost by a model of the processor, and how many
//! instructions a run executes under emulation.
//!
//! [`cycles`] prints and records the throughput of single kernels, [`count`] executed instructions and predicted seconds.
//! Both read disassembled functions ([`listing`]), find loops in them ([`loops`]), count what those multiply ([`macs`]) and
//! ask llvm-mca for cycles ([`mca`]).

pub mod count;
pub mod cycles;
mod jobs;
mod listing;
mod loops;
mod macs;
mod mca;
mod predict;
mod profile;
mod tools;

use anyhow::{Context, Result};
use macs::Unit;
use std::fs;

/// A processor of a Raspberry Pi. The figures are those of docs/KERNELS.md, with their sources.
#[derive(Debug, PartialEq)]
pub struct Processor {
    /// Name, as qemu has it.
    pub name: &'static str,
    /// Short name in tables and on the command line.
    pub short: &'static str,
    /// The board.
    pub board: &'static str,
    /// llvm-mca's model. It takes cortex-a72 for a Cortex-A57, which differs little, and cortex-a76 too, which is wrong:
    /// the A76 is a Neoverse N1 with other caches.
    pub model: &'static str,
    /// Folder of kernels (and name of the tier) that the program chooses there.
    pub tier: &'static str,
    /// Clock, GHz.
    pub clock: f64,
    /// Cores.
    pub cores: f64,
    /// First-level data cache: bytes and ways.
    pub l1: (u32, u32),
    /// Second-level cache of each core, where there is one between the first and the last.
    pub mid: Option<(u32, u32)>,
    /// Last-level cache, which all cores share.
    pub last: (u32, u32),
    /// Bytes a cycle that one core gets from the level after its first.
    pub l2_bytes: f64,
    /// Memory, 10⁹ bytes a second that all cores share: worst and best.
    pub memory: (f64, f64),
}

/// Raspberry Pi 4 and Raspberry Pi 5.
pub static PROCESSORS: [Processor; 2] = [
    Processor {
        name: "cortex-a72",
        short: "a72",
        board: "Raspberry Pi 4",
        model: "cortex-a72",
        tier: "neon",
        clock: 1.5,
        cores: 4.0,
        l1: (32 << 10, 2),
        mid: None,
        last: (1 << 20, 16),
        l2_bytes: 8.0,
        memory: (4.0, 5.0),
    },
    Processor {
        name: "cortex-a76",
        short: "a76",
        board: "Raspberry Pi 5",
        model: "neoverse-n1",
        tier: "dotprod",
        clock: 2.4,
        cores: 4.0,
        l1: (64 << 10, 4),
        mid: Some((512 << 10, 8)),
        last: (2 << 20, 16),
        l2_bytes: 16.0,
        memory: (9.0, 12.0),
    },
];

impl Processor {
    /// The most multiply-adds a cycle.
    pub fn limit(&self, unit: Unit) -> f64 {
        match (self.short, unit) {
            // One of two pipes multiplies integers, eight products at a time; both together do one fmla of four floats.
            ("a72", Unit::Int8) => 8.0,
            ("a72", Unit::Int16 | Unit::F16 | Unit::F32) => 4.0,
            // Both pipes: sixteen products of an sdot, four floats, eight halves. Products of 16 bits have one.
            (_, Unit::Int8) => 32.0,
            (_, Unit::Int16) => 4.0,
            (_, Unit::F16) => 16.0,
            (_, Unit::F32) => 8.0,
        }
    }
}

/// Puts `text` between the marks of this name in docs/KERNELS.md.
fn record(name: &str, text: &str) -> Result<()> {
    let path = crate::root().join("docs/KERNELS.md");
    let old = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let new = between(&old, name, text).with_context(|| format!("{} has no marks '{name}'", path.display()))?;
    fs::write(&path, new).with_context(|| format!("writing {}", path.display()))
}

/// A Markdown table.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&head.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>());
    text += &line(&vec!["---".to_owned(); head.len()]);
    rows.iter().for_each(|row| text += &line(row));
    text
}

/// Puts `inner` between the lines `<!-- NAME -->` and `<!-- end of NAME -->` of `text`; `None` where they are not.
fn between(text: &str, name: &str, inner: &str) -> Option<String> {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let from = text.find(&open)? + open.len();
    let to = from + text[from..].find(&close)?;
    Some(format!("{}{inner}{}", &text[..from], &text[to..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_markdown() {
        let rows = [vec!["x".into(), "1".into()], vec!["y".into(), "2".into()]];
        assert_eq!(table(&["a", "b"], &rows), "| a | b |\n| --- | --- |\n| x | 1 |\n| y | 2 |\n");
    }

    #[test]
    fn only_what_stands_between_the_marks_changes() {
        let text = "before\n<!-- t -->\nold\n<!-- end of t -->\nafter\n";
        assert_eq!(between(text, "t", "new\n").unwrap(), "before\n<!-- t -->\nnew\n<!-- end of t -->\nafter\n");
        assert_eq!(between(&between(text, "t", "").unwrap(), "t", "old\n").unwrap(), text);
        assert_eq!(between(text, "u", "new"), None);
    }

    #[test]
    fn processors_have_names_of_their_own() {
        assert_ne!(PROCESSORS[0].name, PROCESSORS[1].name);
        assert_eq!(PROCESSORS[0].limit(Unit::Int8), 8.0);
        assert_eq!(PROCESSORS[1].limit(Unit::Int8), 32.0);
    }
}
