//! Where the machine's own files are read: `/`, or a folder that looks like it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The root of `/proc`, `/sys` and `/usr/bin/vcgencmd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root(PathBuf);

impl Default for Root {
    fn default() -> Self {
        Self("/".into())
    }
}

impl Root {
    /// A folder in place of `/`.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Where `path`, which begins with `/`, is really read.
    pub fn path(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    /// A small file's text without blanks around it; `None` if it is not there or may not be read.
    pub fn read(&self, path: &str) -> Option<String> {
        // Texts of the device tree end in a NUL.
        let bytes = fs::read(self.path(path)).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        Some(text.trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned())
    }

    /// A file that holds one number.
    pub fn number(&self, path: &str) -> Option<f64> {
        self.read(path)?.parse().ok()
    }

    /// Names in a folder, sorted; none if there is no such folder.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// What a link points to.
    pub fn link(&self, path: &str) -> Option<PathBuf> {
        fs::read_link(self.path(path)).ok()
    }

    /// Raspberry Pi's tool for the firmware, where it is installed.
    pub fn vcgencmd(&self) -> Option<PathBuf> {
        let places = ["/usr/bin/vcgencmd", "/opt/vc/bin/vcgencmd"];
        places.iter().map(|place| self.path(place)).find(|path| path.is_file())
    }

    /// What `vcgencmd` answers.
    pub fn ask_firmware(&self, words: &[&str]) -> Option<String> {
        ask(&self.vcgencmd()?, words)
    }
}

/// Standard output of a program that succeeds.
fn ask(program: &Path, words: &[&str]) -> Option<String> {
    let words: Vec<OsString> = words.iter().map(Into::into).collect();
    let output = Command::new(program).args(words).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The value of `name` in lines such as `Name:  12 kB`, in its own unit.
pub(crate) fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The value of `name` in lines such as `name 12`.
pub(super) fn counter(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A machine made of these files.
    pub fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        for (path, text) in files {
            set(&root, path, text);
        }
        (folder, root)
    }

    /// Writes one file of such a machine.
    pub fn set(root: &Root, path: &str, text: &str) {
        let path = root.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn small_files_are_read_without_what_surrounds_them() {
        let (_folder, root) = machine(&[("/proc/a", " Raspberry Pi 5\0\n"), ("/proc/n", "42\n"), ("/sys/c/b", "")]);
        assert_eq!(root.read("/proc/a").as_deref(), Some("Raspberry Pi 5"));
        assert_eq!(root.number("/proc/n"), Some(42.0));
        assert_eq!(root.number("/proc/a"), None);
        assert_eq!(root.read("/proc/none"), None);
        assert_eq!(root.names("/proc"), ["a", "n"]);
        assert_eq!(root.vcgencmd(), None);
    }

    #[test]
    fn fields_and_counters() {
        assert_eq!(field("MemTotal:  100 kB\nMemAvailable: 42 kB\n", "MemAvailable"), Some(42));
        assert_eq!(field("MemTotalX: 1 kB", "MemTotal"), None);
        assert_eq!(counter("pgfault 7\noom_kill 2\n", "oom_kill"), Some(2));
        assert_eq!(counter("oom_killer 2\n", "oom_kill"), None);
    }
}
