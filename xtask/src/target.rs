//! The machines that programs are built for, and the compiler that can do it here.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// One kind of machine.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Name in file names.
    pub name: &'static str,
    /// Triples that will do, the best first.
    triples: &'static [&'static str],
    /// C compiler that links for it, where cargo's default does not.
    linker: Option<&'static str>,
    /// How to start its programs on other machines.
    emulator: &'static [&'static str],
}

/// x86-64 and 64-bit ARM. With musl's C library a static program is the usual thing; glibc's can be
/// linked statically too, and this program asks nothing of it (name service, locales) that would miss the rest.
pub const TARGETS: [Target; 2] = [
    Target {
        name: "x86_64",
        triples: &["x86_64-unknown-linux-musl", "x86_64-unknown-linux-gnu"],
        linker: None,
        emulator: &[],
    },
    Target {
        name: "aarch64",
        triples: &["aarch64-unknown-linux-musl", "aarch64-unknown-linux-gnu"],
        linker: Some("aarch64-linux-gnu-gcc"),
        // A Raspberry Pi 4.
        emulator: &["qemu-aarch64", "-cpu", "cortex-a72"],
    },
];

/// A compiler and a triple whose standard library it has.
#[derive(Debug)]
pub struct Toolchain {
    triple: &'static str,
    cargo: PathBuf,
    rustc: PathBuf,
}

impl Target {
    /// The best triple that can be built here: with the compiler in use, or with Debian's (`rustc-web`,
    /// `libstd-rust-web-dev:arm64`), which lies beside one of rustup.
    pub fn toolchain(&self) -> Result<Toolchain> {
        let own = (PathBuf::from("cargo"), PathBuf::from("rustc"));
        let debian = (PathBuf::from("/usr/bin/cargo"), PathBuf::from("/usr/bin/rustc"));
        for triple in self.triples {
            for (cargo, rustc) in [&own, &debian] {
                if has_std(rustc, triple) && (!triple.contains("musl") || can_link_musl(triple)) {
                    return Ok(Toolchain { triple, cargo: cargo.clone(), rustc: rustc.clone() });
                }
            }
        }
        bail!("no compiler here has a standard library for {}: rustup target add {}", self.name, self.triples[0])
    }

    /// Builds the program; returns its triple and its path.
    pub fn build(&self) -> Result<(&'static str, PathBuf)> {
        let (triple, folder) = self.build_package("noctule-cli")?;
        Ok((triple, folder.join("noctule")))
    }

    /// Builds one package as it is released; returns its triple and the folder of the result.
    pub fn build_package(&self, package: &str) -> Result<(&'static str, PathBuf)> {
        let tools = self.toolchain()?;
        // A compiler of another version must not find the first one's files.
        let folder = target_folder().join("dist-build");
        let mut command = Command::new(&tools.cargo);
        command.current_dir(crate::root()).args(["build", "--release", "--package", package, "--target"]);
        command.arg(tools.triple).env("CARGO_TARGET_DIR", &folder).env("RUSTC", &tools.rustc);
        command.env("RUSTFLAGS", "-C target-feature=+crt-static").env_remove("RUSTUP_TOOLCHAIN");
        // Under cargo it names the first compiler's libraries.
        command.env_remove("LD_LIBRARY_PATH");
        if let Some(linker) = self.linker {
            let variable = tools.triple.to_uppercase().replace('-', "_");
            command.env(format!("CARGO_TARGET_{variable}_LINKER"), linker);
        }
        let status = command.status().with_context(|| format!("starting {}", tools.cargo.display()))?;
        if !status.success() {
            bail!("the build for {} failed", tools.triple);
        }
        Ok((tools.triple, folder.join(tools.triple).join("release")))
    }

    /// Starts a program of this kind, here or emulated.
    pub fn start(&self, program: &Path, arguments: &[&str]) -> Result<Output> {
        let native = std::env::consts::ARCH == self.name;
        let mut command = match self.emulator.split_first().filter(|_| !native) {
            Some((emulator, options)) => {
                let mut command = Command::new(emulator);
                command.args(options).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.args(arguments).env_remove("NOCTULE_CPU");
        command.output().with_context(|| format!("starting {}", program.display()))
    }
}

/// Where cargo builds.
pub fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from)
}

fn has_std(rustc: &Path, triple: &str) -> bool {
    let mut command = Command::new(rustc);
    command.args(["--target", triple, "--print", "target-libdir"]).env_remove("LD_LIBRARY_PATH");
    let folder = command.output();
    let Ok(output) = folder else { return false };
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success() && Path::new(&folder).read_dir().is_ok_and(|mut entries| entries.next().is_some())
}

/// Rust brings its own musl for x86-64; for ARM a linker that knows ARM is enough as well.
fn can_link_musl(triple: &str) -> bool {
    triple.starts_with(std::env::consts::ARCH)
        || Command::new("aarch64-linux-gnu-gcc").arg("--version").output().is_ok()
}
