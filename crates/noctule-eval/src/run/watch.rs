//! What `/proc` says of a running process and its children.

use super::request::Usage;
use crate::board::Root;

/// A child of a child of …: deeper trees are cut off.
const MOST_PROCESSES: usize = 64;

/// One look at a process tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    /// The process's own high-water mark, bytes.
    pub hwm: u64,
    /// Resident memory of the tree, bytes: pages of files count once only where one process has them.
    pub rss: u64,
    /// Swap of the tree, bytes.
    pub swap: u64,
}

/// Looks at process `pid` and its children; `None` when it has ended.
pub fn look(root: &Root, pid: u32) -> Option<Look> {
    let mut found = Look::default();
    for (index, pid) in tree(root, pid).into_iter().enumerate() {
        let Some(text) = root.read(&format!("/proc/{pid}/status")) else { continue };
        let bytes = |name: &str| crate::board::field(&text, name).unwrap_or(0) * 1024;
        found.rss += bytes("VmRSS");
        found.swap += bytes("VmSwap");
        if index == 0 {
            found.hwm = bytes("VmHWM");
        }
    }
    (found.hwm > 0).then_some(found)
}

/// Proportional set size of the tree, bytes: all of it, anonymous memory, pages of files.
pub fn proportional(root: &Root, pid: u32) -> Option<[u64; 3]> {
    let mut sums = [0; 3];
    for pid in tree(root, pid) {
        let Some(text) = root.read(&format!("/proc/{pid}/smaps_rollup")) else { continue };
        for (sum, name) in sums.iter_mut().zip(["Pss", "Pss_Anon", "Pss_File"]) {
            *sum += crate::board::field(&text, name).unwrap_or(0) * 1024;
        }
    }
    (sums[0] > 0).then_some(sums)
}

/// Bytes that process `pid` has read from a disk.
pub fn read_bytes(root: &Root, pid: u32) -> Option<u64> {
    crate::board::field(&root.read(&format!("/proc/{pid}/io"))?, "read_bytes")
}

/// The process first, then its children.
fn tree(root: &Root, pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut next = 0;
    while next < all.len() && all.len() < MOST_PROCESSES {
        let pid = all[next];
        let children = root.read(&format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|word| word.parse::<u32>().ok()));
        next += 1;
    }
    all
}

impl Usage {
    /// Takes a look into account.
    pub(super) fn saw(&mut self, look: Look) {
        self.vm_hwm_bytes = Some(self.vm_hwm_bytes.unwrap_or(0).max(look.hwm));
        self.tree_rss_bytes = Some(self.tree_rss_bytes.unwrap_or(0).max(look.rss));
        self.swap_bytes = self.swap_bytes.max(look.swap);
    }

    /// Takes a proportional set size into account.
    pub(super) fn saw_proportional(&mut self, pss: [u64; 3]) {
        if self.pss_bytes.is_none_or(|before| before[0] < pss[0]) {
            self.pss_bytes = Some(pss);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn process(root: &Root, pid: u32, status: &str, children: &str) {
        let folder = root.path(&format!("/proc/{pid}/task/{pid}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("children"), children).unwrap();
        fs::write(root.path(&format!("/proc/{pid}/status")), status).unwrap();
    }

    #[test]
    fn a_tree_is_added_up() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        process(&root, 7, "VmHWM:\t  50 kB\nVmRSS:\t  40 kB\nVmSwap:\t 1 kB\n", "8 9 ");
        process(&root, 8, "VmHWM:\t 900 kB\nVmRSS:\t 800 kB\nVmSwap:\t 2 kB\n", "");
        // The third has ended meanwhile.
        let first = look(&root, 7).unwrap();
        assert_eq!(first, Look { hwm: 50 << 10, rss: 840 << 10, swap: 3 << 10 });
        assert_eq!(look(&root, 70), None);
        fs::write(root.path("/proc/8/smaps_rollup"), "Rss: 9 kB\nPss: 600 kB\nPss_Anon: 500 kB\nPss_File: 100 kB\n")
            .unwrap();
        assert_eq!(proportional(&root, 7), Some([600 << 10, 500 << 10, 100 << 10]));
        let mut usage = Usage { max_rss_bytes: 900 << 10, ..Usage::default() };
        usage.saw(first);
        usage.saw(Look { hwm: 60 << 10, rss: 10, swap: 0 });
        assert_eq!((usage.vm_hwm_bytes, usage.tree_rss_bytes), (Some(60 << 10), Some(840 << 10)));
        assert_eq!(usage.peak_bytes(), 900 << 10);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_can_be_looked_at() {
        let root = Root::default();
        assert!(look(&root, std::process::id()).unwrap().hwm > 1 << 20);
        assert!(proportional(&root, std::process::id()).unwrap()[0] > 1 << 20);
    }
}
