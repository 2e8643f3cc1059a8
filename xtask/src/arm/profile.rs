//! Runs a program for ARM under qemu and takes home which blocks of it ran how often.

use super::{Processor, tools};
use anyhow::{Context, Result, bail, ensure};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Caches whose misses are counted: the first, one of each core behind it, the last whole and a quarter of the last.
pub const CACHES: usize = 4;

/// A stretch of code without a branch in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Address in the program's file.
    pub address: u64,
    /// Instructions.
    pub instructions: u64,
    /// How often it ran.
    pub runs: u64,
    /// Lines of 64 bytes that each cache did not have.
    pub lines: [u64; CACHES],
}

/// A run, block by block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// In the order of their addresses.
    pub blocks: Vec<Block>,
}

impl Profile {
    /// Reads what the plugin writes; `entry` is the program's entry in its file.
    fn parse(text: &str, entry: u64) -> Result<Self> {
        let mut lines = text.lines();
        let first = lines.next().and_then(|line| line.strip_prefix("entry ")).context("no entry")?;
        let moved = u64::from_str_radix(first, 16)?.wrapping_sub(entry);
        let mut blocks = Vec::new();
        for line in lines {
            let fields: Vec<&str> = line.split(' ').collect();
            let ["block", address, instructions, runs, caches @ ..] = fields.as_slice() else { bail!("'{line}'") };
            ensure!(caches.len() == CACHES, "'{line}'");
            let mut lines = [0; CACHES];
            for (to, from) in lines.iter_mut().zip(caches) {
                *to = from.parse()?;
            }
            let address = u64::from_str_radix(address, 16)?.wrapping_sub(moved);
            blocks.push(Block { address, instructions: instructions.parse()?, runs: runs.parse()?, lines });
        }
        blocks.sort_by_key(|block| (block.address, block.instructions));
        Ok(Self { blocks })
    }

    /// Executed instructions.
    pub fn instructions(&self) -> u64 {
        self.blocks.iter().map(|block| block.instructions * block.runs).sum()
    }

    /// What this run did more than `other`, block by block.
    pub fn minus(&self, other: &Self) -> Self {
        let less: HashMap<(u64, u64), &Block> = other.blocks.iter().map(|b| ((b.address, b.instructions), b)).collect();
        let difference = |block: &Block| {
            let Some(less) = less.get(&(block.address, block.instructions)) else { return *block };
            let mut block = *block;
            block.runs = block.runs.saturating_sub(less.runs);
            block.lines.iter_mut().zip(less.lines).for_each(|(lines, less)| *lines = lines.saturating_sub(less));
            block
        };
        Self { blocks: self.blocks.iter().map(difference).filter(|block| block.runs > 0).collect() }
    }

    /// Stretches that always run together as one block: the emulator cuts code at the borders of pages, too.
    pub fn joined(&self) -> Self {
        let mut blocks: Vec<Block> = Vec::new();
        for block in &self.blocks {
            match blocks.last_mut() {
                Some(last)
                    if last.address + 4 * last.instructions == block.address
                        && last.runs.abs_diff(block.runs) * 100 <= last.runs =>
                {
                    last.instructions += block.instructions;
                    last.lines.iter_mut().zip(block.lines).for_each(|(sum, lines)| *sum += lines);
                }
                _ => blocks.push(*block),
            }
        }
        Self { blocks }
    }
}

/// A program, the emulator and a folder for what runs leave.
#[derive(Debug)]
pub struct Emulator {
    program: PathBuf,
    /// Changes with the program's code.
    mark: String,
    entry: u64,
    plugin: PathBuf,
    folder: PathBuf,
    timeout: Duration,
    emulator: &'static str,
}

impl Emulator {
    /// For a static `program`. A run that takes longer than `timeout` is ended.
    pub fn new(program: &Path, folder: &Path, timeout: Duration) -> Result<Self> {
        let bytes = fs::read(program).with_context(|| format!("reading {}", program.display()))?;
        let header = entry(&bytes).zip(mark(&bytes));
        let (entry, mark) = header.with_context(|| format!("{} is no 64-bit ELF program", program.display()))?;
        Ok(Self {
            program: program.to_owned(),
            mark,
            entry,
            plugin: tools::plugin(folder)?,
            folder: folder.to_owned(),
            timeout,
            emulator: tools::emulator()?,
        })
    }

    /// Runs the program with `arguments`, or takes what an earlier run of the same left under `name`.
    pub fn run(&self, processor: &Processor, caches: bool, name: &str, arguments: &[String]) -> Result<Profile> {
        let with = if caches { "-caches" } else { "" };
        let file = self.folder.join(format!("{}-{}-{name}{with}.txt", self.mark, processor.short));
        if !file.exists() {
            let aside = file.with_extension("part");
            self.emulate(processor, caches, &aside, arguments)?;
            fs::rename(&aside, &file).with_context(|| format!("the run left no {}", aside.display()))?;
        }
        let text = fs::read_to_string(&file)?;
        Profile::parse(&text, self.entry).with_context(|| format!("reading {}", file.display()))
    }

    fn emulate(&self, processor: &Processor, caches: bool, out: &Path, arguments: &[String]) -> Result<()> {
        let mut plugin = format!("{},out={}", self.plugin.display(), out.display());
        if caches {
            let sizes = [("l1", Some(processor.l1)), ("mid", processor.mid), ("last", Some(processor.last))];
            for (name, size) in sizes {
                plugin += &size.map_or(String::new(), |(bytes, ways)| format!(",{name}={bytes}:{ways}"));
            }
        }
        let log = out.with_extension("log");
        let mut child = Command::new(self.emulator)
            .args(["-cpu", processor.name, "-plugin", &plugin])
            .arg(&self.program)
            .args(arguments)
            .env_remove("NOCTULE_CPU")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?)
            .spawn()
            .with_context(|| format!("starting {}", self.emulator))?;
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if started.elapsed() > self.timeout {
                child.kill()?;
                child.wait()?;
                bail!("stopped after {} s; --timeout allows more", self.timeout.as_secs());
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        let said = fs::read_to_string(&log).unwrap_or_default();
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        ensure!(status.success(), "{status}: {last}");
        fs::remove_file(log)?;
        Ok(())
    }
}

/// The entry address in the header of a 64-bit little-endian ELF file.
fn entry(bytes: &[u8]) -> Option<u64> {
    let is_elf = bytes.get(..6)? == b"\x7fELF\x02\x01";
    let entry = bytes.get(24..32)?.try_into().ok()?;
    is_elf.then(|| u64::from_le_bytes(entry))
}

/// The first digits of the SHA-256 of what the program executes: the commit that is written into it changes nothing.
fn mark(bytes: &[u8]) -> Option<String> {
    use sha2::{Digest, Sha256};
    let number = |from: usize, size: usize| -> Option<usize> {
        let bytes = bytes.get(from..from.checked_add(size)?)?;
        usize::try_from(bytes.iter().rev().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte))).ok()
    };
    // The header's fields e_phoff, e_phentsize and e_phnum; each program header's p_flags, p_offset and p_filesz.
    let (first, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    const EXECUTABLE: usize = 1;
    let mut sum = Sha256::new();
    for i in 0..count {
        let header = first.checked_add(i * size)?;
        if number(header + 4, 4)? & EXECUTABLE != 0 {
            let offset = number(header + 8, 8)?;
            sum.update(bytes.get(offset..offset.checked_add(number(header + 32, 8)?)?)?);
        }
    }
    Some(sum.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::PROCESSORS;

    fn block(address: u64, instructions: u64, runs: u64) -> Block {
        Block { address, instructions, runs, lines: [runs, 0, 0, 0] }
    }

    #[test]
    fn profiles_are_read_and_moved_to_the_file() {
        let text = "entry 5500000580\nblock 5500000590 3 7 4 3 2 1\nblock 5500000580 4 1 0 0 0 0\n";
        let profile = Profile::parse(text, 0x580).unwrap();
        assert_eq!(profile.blocks[0], Block { address: 0x580, instructions: 4, runs: 1, lines: [0; 4] });
        assert_eq!(profile.blocks[1], Block { address: 0x590, instructions: 3, runs: 7, lines: [4, 3, 2, 1] });
        assert_eq!(profile.instructions(), 25);
        for wrong in ["", "block 0 1 1 0 0 0 0", "entry x", "entry 0\nblock 0 1 1 0", "entry 0\nblock 0 1 -1 0 0 0 0"] {
            assert!(Profile::parse(wrong, 0).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_run_less_another() {
        let more = Profile { blocks: vec![block(0, 4, 10), block(16, 2, 5), block(32, 1, 1)] };
        let less = Profile { blocks: vec![block(0, 4, 3), block(16, 2, 5)] };
        assert_eq!(more.minus(&less), Profile { blocks: vec![block(0, 4, 7), block(32, 1, 1)] });
    }

    #[test]
    fn what_runs_together_is_one_block() {
        let profile = Profile { blocks: vec![block(0, 4, 1000), block(16, 2, 1000), block(24, 1, 5), block(40, 1, 5)] };
        let joined = profile.joined();
        let expected = Block { lines: [2000, 0, 0, 0], ..block(0, 6, 1000) };
        assert_eq!(joined.blocks, [expected, block(24, 1, 5), block(40, 1, 5)]);
        assert_eq!(joined.instructions(), profile.instructions());
    }

    #[test]
    fn the_entry_stands_in_the_header() {
        let mut elf = b"\x7fELF\x02\x01".to_vec();
        elf.resize(64, 0);
        elf[24..32].copy_from_slice(&0x40_0580u64.to_le_bytes());
        assert_eq!(entry(&elf), Some(0x40_0580));
        // Two segments, of which the second is executed.
        elf[32] = 64;
        elf[54] = 56;
        elf[56] = 2;
        elf.resize(64 + 2 * 56, 0);
        (elf[64 + 4], elf[64 + 56 + 4]) = (4, 5);
        (elf[64 + 8], elf[64 + 32]) = (176, 3);
        (elf[64 + 56 + 8], elf[64 + 56 + 32]) = (179, 3);
        elf.extend(b"xyzabc");
        // The first digits of the digest of FIPS 180-2's example.
        assert_eq!(mark(&elf).unwrap(), "ba7816bf8f01");
        elf[176] = b'-';
        assert_eq!(mark(&elf).unwrap(), "ba7816bf8f01", "data may change");
        assert_eq!(mark(&elf[..180]), None);
        assert_eq!(entry(b"\x7fELF"), None);
        assert_eq!(entry(&[0; 64]), None);
    }

    /// A loop of a million rounds over 16 KB, and one pass over 16 MB: what the plugin counts is known.
    #[test]
    fn the_plugin_counts() {
        const SOURCE: &str = "#include <stdlib.h>
            int main(void) { volatile char *p = malloc(1 << 24); long s = 0;
            for (long i = 0; i < 1 << 24; i += 64) s += p[i];
            for (long i = 0; i < 1000000; i++) s += p[i * 64 % 16384];
            return s != 0; }";
        let folder = std::env::temp_dir().join(format!("noctule-count-{}", std::process::id()));
        let (source, program) = (folder.join("walk.c"), folder.join("walk"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(&source, SOURCE).unwrap();
        let gcc =
            Command::new("aarch64-linux-gnu-gcc").args(["-O1", "-static", "-o"]).arg(&program).arg(&source).status();
        if !gcc.is_ok_and(|status| status.success()) || tools::emulator().is_err() {
            eprintln!("skipped: there is no compiler for ARM or no emulator");
            fs::remove_dir_all(folder).unwrap();
            return;
        }
        let emulator = Emulator::new(&program, &folder, Duration::from_secs(60)).unwrap();
        let plain = emulator.run(&PROCESSORS[0], false, "walk", &[]).unwrap();
        assert!((4_000_000..20_000_000).contains(&plain.instructions()), "{}", plain.instructions());
        let cached = emulator.run(&PROCESSORS[0], true, "walk", &[]).unwrap();
        assert_eq!(cached.instructions(), plain.instructions());
        let lines = |i: usize| cached.blocks.iter().map(|block| block.lines[i]).sum::<u64>();
        let pass = (1u64 << 24) / 64;
        assert!((pass..pass + 5000).contains(&lines(0)), "{}", lines(0));
        assert_eq!(lines(1), 0, "this processor has two levels");
        assert!((pass..pass + 5000).contains(&lines(2)), "{}", lines(2));
        assert_eq!(emulator.run(&PROCESSORS[0], true, "walk", &["ignored".into()]).unwrap(), cached, "kept");
        let hurried = Emulator { timeout: Duration::ZERO, ..emulator };
        let error = hurried.run(&PROCESSORS[0], false, "again", &[]).unwrap_err();
        assert!(error.to_string().contains("stopped after 0 s"), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }
}
