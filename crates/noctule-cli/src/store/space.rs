//! Room on the disk, shared by everything that is being fetched.

use crate::failure::Failure;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// What must stay free, bytes: other programs write too.
const MARGIN: u64 = 16 << 20;

/// Bytes that will still be written by all fetches together.
#[derive(Debug, Default)]
pub struct Space {
    promised: AtomicU64,
}

/// The part of one fetch; what is left of it is given back when dropped.
#[derive(Debug)]
pub struct Share<'a> {
    space: &'a Space,
    left: u64,
}

impl Space {
    /// Sets `bytes` aside in the file system of `folder`.
    ///
    /// # Errors
    /// If they are not free. Where the system does not tell, they count as free.
    pub fn reserve(&self, folder: &Path, bytes: u64) -> Result<Share<'_>, Failure> {
        let all = self.promised.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let share = Share { space: self, left: bytes };
        let Some(free) = free(folder) else { return Ok(share) };
        if bytes > 0 && all.saturating_add(MARGIN) > free {
            let others = all - bytes;
            let others = if others > 0 { format!(" beside {} for other models", size(others)) } else { String::new() };
            return Err(Failure::work(format!(
                "not enough space: {} are needed{others}, and {} are free in {}; remove models with \
                 'noctule models rm', or set XDG_DATA_HOME to a folder on a larger disk",
                size(bytes),
                size(free),
                folder.display()
            )));
        }
        Ok(share)
    }
}

impl Share<'_> {
    /// `bytes` of it are on the disk now.
    pub fn written(&mut self, bytes: u64) {
        let bytes = bytes.min(self.left);
        self.left -= bytes;
        self.space.promised.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.written(self.left);
    }
}

/// Bytes that this user may still write.
#[cfg(unix)]
pub fn free(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    stat.f_bavail.checked_mul(stat.f_frsize)
}

#[cfg(not(unix))]
pub fn free(_: &Path) -> Option<u64> {
    None
}

/// A number of bytes for people.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 3] = ["kB", "MB", "GB"];
    let (mut value, mut unit) = (bytes as f64 / 1e3, UNITS[0]);
    for next in &UNITS[1..] {
        if value >= 999.5 {
            (value, unit) = (value / 1e3, next);
        }
    }
    if unit == "GB" { format!("{value:.2} {unit}") } else { format!("{value:.0} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_is_refused_and_given_back() {
        let (space, here) = (Space::default(), std::env::temp_dir());
        assert!(space.reserve(&here, 1 << 60).is_err() || !cfg!(unix));
        assert_eq!(space.promised.load(Ordering::Relaxed), 0);
        let mut share = space.reserve(&here, 10).unwrap();
        share.written(4);
        assert_eq!(space.promised.load(Ordering::Relaxed), 6);
        drop(share);
        assert_eq!(space.promised.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn sizes_for_people() {
        assert_eq!(size(77_704_715), "78 MB");
        assert_eq!(size(3_095_033_483), "3.10 GB");
        assert_eq!(size(12), "0 kB");
        assert_eq!(size(999_999_999), "1.00 GB");
    }
}
