//! Programs that others provide: LLVM's tools, the compiler for ARM, the emulator.

use crate::target::{TARGETS, Target};
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Versions of LLVM to look for: Debian puts the number behind a program's name. llvm-mca passes over instructions that a model does
/// not know from 20 on.
const LLVM: std::ops::RangeInclusive<u32> = 20..=30;

/// The newest `llvm-NAME` there is.
pub fn llvm(name: &str) -> Result<String> {
    let plain = format!("llvm-{name}");
    let numbered = LLVM.rev().map(|version| format!("{plain}-{version}"));
    for program in numbered.chain([plain.clone()]) {
        let major = version(&program).split('.').next().and_then(|major| major.parse().ok());
        if major.is_some_and(|major: u32| major >= *LLVM.start()) {
            return Ok(program);
        }
    }
    bail!("there is no {plain}: apt install llvm-22 (any from {} will do)", LLVM.start())
}

/// Its version: "22.1.8".
pub fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&output).into_owned();
    let number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.');
    text.split_whitespace().find(number).unwrap_or("unknown").to_owned()
}

/// The target of 64-bit ARM.
pub fn arm() -> Result<&'static Target> {
    TARGETS.iter().find(|target| target.name == "aarch64").context("there is no target for ARM")
}

/// Functions of a library or program as llvm-objdump prints them.
pub fn disassemble(file: &Path) -> Result<String> {
    let program = llvm("objdump")?;
    let output = Command::new(&program)
        .args(["--disassemble", "--demangle", "--no-show-raw-insn", "--mattr=+all"])
        .arg(file)
        .output()
        .with_context(|| format!("starting {program}"))?;
    ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Compiles the plugin of [`super::profile`] into `folder`, aside, because other runs of this program may load it.
pub fn plugin(folder: &Path) -> Result<PathBuf> {
    crate::docs::make(folder)?;
    let own = std::process::id();
    let (source, aside) = (folder.join(format!("count-{own}.c")), folder.join(format!("count-{own}.so")));
    let library = folder.join("count.so");
    std::fs::write(&source, include_str!("count.c"))?;
    let mut gcc = Command::new("gcc");
    gcc.args(["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]).arg(&aside).arg(&source);
    let output = gcc.output().context("starting gcc, which compiles the plugin that counts")?;
    ensure!(output.status.success(), "gcc: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::rename(&aside, &library)?;
    std::fs::remove_file(&source)?;
    Ok(library)
}

/// Makes the program end when the emulator is missing.
pub fn emulator() -> Result<&'static str> {
    let name = "qemu-aarch64";
    let found = Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    ensure!(found, "there is no {name}: apt install qemu-user");
    Ok(name)
}
