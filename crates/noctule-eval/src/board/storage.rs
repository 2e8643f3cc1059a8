//! What files and swap lie on: a microSD card is another matter than an SSD.

use super::Root;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What kind of thing holds bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drive {
    /// microSD card or eMMC.
    Card,
    /// Solid-state drive behind NVMe.
    Nvme,
    /// Another drive without moving parts, USB sticks included.
    Solid,
    /// A disk that turns.
    Disk,
    /// Memory, compressed (`zram`) or not (`tmpfs`).
    Memory,
    /// A file system of another machine.
    Network,
    /// Not known.
    Unknown,
}

impl Drive {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Card => "microSD card or eMMC",
            Self::Nvme => "NVMe drive",
            Self::Solid => "solid-state drive",
            Self::Disk => "hard disk",
            Self::Memory => "memory",
            Self::Network => "network",
            Self::Unknown => "unknown drive",
        }
    }
}

/// One swap space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swap {
    /// Device or file.
    pub path: String,
    /// What it lies on; [`Drive::Memory`] for zram.
    pub drive: Drive,
    /// Its size.
    pub size_bytes: u64,
    /// What is in use.
    pub used_bytes: u64,
}

impl Swap {
    /// All swap spaces.
    pub fn all(root: &Root) -> Vec<Self> {
        let text = root.read("/proc/swaps").unwrap_or_default();
        text.lines().skip(1).filter_map(|line| Self::parse(root, line)).collect()
    }

    fn parse(root: &Root, line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [path, kind, size, used, ..] = words[..] else { return None };
        let kib = |text: &str| text.parse::<u64>().ok().map(|kib| kib * 1024);
        let drive = match kind {
            "file" => drive_of(root, Path::new(path)),
            _ => of_device(root, path),
        };
        Some(Self { path: path.to_owned(), drive, size_bytes: kib(size)?, used_bytes: kib(used)? })
    }
}

/// What the file system of `path` lies on, by the longest mount point above it.
pub fn drive_of(root: &Root, path: &Path) -> Drive {
    let mounts = root.read("/proc/self/mounts").or_else(|| root.read("/proc/mounts")).unwrap_or_default();
    let mount = |line: &str| {
        let mut words = line.split_whitespace().map(|word| word.replace("\\040", " "));
        Some((words.next()?, words.next()?, words.next()?))
    };
    let above = mounts.lines().filter_map(mount).filter(|(_, point, _)| path.starts_with(point));
    // The last of several on one point is the one that is seen.
    let Some((device, _, kind)) = above.max_by_key(|(_, point, _)| point.len()) else { return Drive::Unknown };
    match kind.as_str() {
        "tmpfs" | "ramfs" => Drive::Memory,
        "nfs" | "nfs4" | "cifs" | "smb3" | "9p" | "fuse.sshfs" => Drive::Network,
        _ => of_device(root, &device),
    }
}

/// What a device such as `/dev/mmcblk0p2` is.
fn of_device(root: &Root, device: &str) -> Drive {
    let given = device.strip_prefix("/dev/").unwrap_or(device);
    // Names such as /dev/root and /dev/mapper/x are links or nothing at all.
    let linked = root.link(device).and_then(|target| Some(target.file_name()?.to_str()?.to_owned()));
    let name = linked.as_deref().unwrap_or(given);
    if name.starts_with("zram") || name.starts_with("ram") {
        return Drive::Memory;
    }
    if name.starts_with("mmcblk") {
        return Drive::Card;
    }
    if name.starts_with("nvme") {
        return Drive::Nvme;
    }
    let whole = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let turns = [name, whole].iter().find_map(|name| root.number(&format!("/sys/block/{name}/queue/rotational")));
    match turns {
        Some(0.0) => Drive::Solid,
        Some(_) => Drive::Disk,
        None => Drive::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::super::root::tests::machine;
    use super::*;

    #[test]
    fn files_and_swap_lie_on_drives() {
        let (_folder, root) = machine(&[
            (
                "/proc/self/mounts",
                "/dev/mmcblk0p2 / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n/dev/sda1 /mnt/my\\040disk ext4 rw 0 0\n\
                 /dev/nvme0n1p1 /data ext4 rw 0 0\nserver:/x /home/x nfs4 rw 0 0\n/dev/sdb1 /old ext4 rw 0 0\n",
            ),
            ("/sys/block/sda/queue/rotational", "0"),
            ("/sys/block/sdb/queue/rotational", "1"),
            (
                "/proc/swaps",
                "Filename\tType\tSize\tUsed\tPriority\n/swapfile file 8388608 1024 -2\n/dev/zram0 partition 2048 0 100\n",
            ),
        ]);
        for (path, drive) in [
            ("/var/x", Drive::Card),
            ("/run/user", Drive::Memory),
            ("/mnt/my disk/a", Drive::Solid),
            ("/data", Drive::Nvme),
            ("/home/x/y", Drive::Network),
            ("/old/a", Drive::Disk),
            ("/database", Drive::Card),
        ] {
            assert_eq!(drive_of(&root, Path::new(path)), drive, "{path}");
        }
        let swaps = Swap::all(&root);
        assert_eq!((swaps[0].drive, swaps[0].size_bytes, swaps[0].used_bytes), (Drive::Card, 8 << 30, 1 << 20));
        assert_eq!(swaps[1].drive, Drive::Memory);
    }

    #[test]
    fn what_is_not_known_is_said_to_be() {
        let (_folder, root) = machine(&[("/proc/self/mounts", "overlay / overlay rw 0 0\n")]);
        assert_eq!(drive_of(&root, Path::new("/x")), Drive::Unknown);
        assert!(Swap::all(&root).is_empty());
    }
}
