//! What the machine is, as far as it does not change while something is measured.

use super::{Heat, Memory, Root, Swap, Throttle};
use serde::{Deserialize, Serialize};

/// A machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Board {
    /// What it calls itself: "Raspberry Pi 5 Model B Rev 1.0"; of a PC, maker and product.
    pub model: Option<String>,
    /// The processor's name.
    pub cpu: String,
    /// Instruction set: "aarch64", "x86_64".
    pub arch: String,
    /// Processors that may be used.
    pub cores: usize,
    /// Memory that the kernel manages.
    pub memory_bytes: u64,
    /// Bytes of a page.
    pub page_bytes: Option<u64>,
    /// Kernel release.
    pub kernel: String,
    /// Distribution.
    pub os: String,
    /// Date of the Raspberry Pi firmware.
    pub firmware: Option<String>,
    /// What sets the clock: "ondemand", "performance".
    pub governor: Option<String>,
    /// Highest clock, MHz.
    pub max_mhz: Option<f64>,
    /// Swap spaces.
    pub swap: Vec<Swap>,
    /// What throttling is told from, if at all.
    pub throttle_source: Option<String>,
    /// Whether there is a temperature.
    pub has_temperature: bool,
}

impl Board {
    /// Looks at the machine.
    pub fn look(root: &Root) -> Self {
        let cpu_folder = "/sys/devices/system/cpu/cpu0/cpufreq";
        let os = root.read("/etc/os-release").unwrap_or_default();
        let os = os.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("unknown");
        Self {
            model: model(root),
            cpu: Self::cpu(root),
            arch: std::env::consts::ARCH.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: Memory::now(root).map_or(0, |memory| memory.total_bytes),
            page_bytes: page(root),
            kernel: root.read("/proc/sys/kernel/osrelease").unwrap_or_else(|| "unknown".into()),
            os: os.trim_matches('"').to_owned(),
            firmware: root.ask_firmware(&["version"]).and_then(|text| Some(text.lines().next()?.to_owned())),
            governor: root.read(&format!("{cpu_folder}/scaling_governor")),
            max_mhz: root.number(&format!("{cpu_folder}/cpuinfo_max_freq")).map(|khz| khz / 1000.0),
            swap: Swap::all(root),
            throttle_source: Throttle::find(root).name().map(str::to_owned),
            has_temperature: Heat::find(root).celsius().is_some(),
        }
    }

    /// The processor's name alone, for which nothing else of the machine is looked at.
    pub fn cpu(root: &Root) -> String {
        let text = root.read("/proc/cpuinfo").unwrap_or_default();
        let value = |name: &str| {
            let line = text.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let arm = || Some(arm_name(&value("CPU implementer")?, &value("CPU part")?));
        value("model name").or_else(arm).unwrap_or_else(|| "unknown processor".into())
    }

    /// A name for people: the model, or else the processor.
    pub fn name(&self) -> &str {
        self.model.as_deref().unwrap_or(&self.cpu)
    }

    /// What two machines must have in common for their times to be compared.
    pub fn identity(&self) -> String {
        // A kernel leaves itself a few megabytes more or less from version to version.
        let memory = self.memory_bytes.div_ceil(1 << 28);
        format!("{}|{}|{}|{} cores|{memory}", self.model.as_deref().unwrap_or(""), self.cpu, self.arch, self.cores)
    }
}

/// Of this start of the machine: it changes with every one.
pub(crate) fn boot_id(root: &Root) -> String {
    root.read("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

fn model(root: &Root) -> Option<String> {
    let tree = ["/proc/device-tree/model", "/sys/firmware/devicetree/base/model"];
    let tree = tree.iter().find_map(|path| root.read(path)).filter(|name| !name.is_empty());
    tree.or_else(|| {
        let part = |name| root.read(&format!("/sys/class/dmi/id/{name}")).filter(|text| !text.is_empty());
        let (vendor, product) = (part("sys_vendor"), part("product_name")?);
        Some(vendor.map_or_else(|| product.clone(), |vendor| format!("{vendor} {product}")))
    })
}

/// Names of the cores of small boards by the numbers of their identification register (Arm's MIDR_EL1).
fn arm_name(implementer: &str, part: &str) -> String {
    let name = match (implementer, part) {
        ("0x41", "0xd03") => "Cortex-A53",
        ("0x41", "0xd04") => "Cortex-A35",
        ("0x41", "0xd05") => "Cortex-A55",
        ("0x41", "0xd07") => "Cortex-A57",
        ("0x41", "0xd08") => "Cortex-A72",
        ("0x41", "0xd09") => "Cortex-A73",
        ("0x41", "0xd0a") => "Cortex-A75",
        ("0x41", "0xd0b") => "Cortex-A76",
        ("0x41", "0xd0c") => "Neoverse N1",
        ("0x41", "0xd40") => "Neoverse V1",
        ("0x41", "0xd41") => "Cortex-A78",
        ("0x41", "0xd49") => "Neoverse N2",
        _ => return format!("ARM processor (implementer {implementer}, part {part})"),
    };
    name.to_owned()
}

/// From the first mapping of this process; a file of another machine has none.
fn page(root: &Root) -> Option<u64> {
    let text = root.read("/proc/self/smaps")?;
    let line = text.lines().find_map(|line| line.strip_prefix("KernelPageSize:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::super::root::tests::machine;
    use super::*;

    #[test]
    fn a_raspberry_pi_introduces_itself() {
        let (_folder, root) = machine(&[
            ("/proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0"),
            ("/proc/cpuinfo", "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n"),
            ("/proc/meminfo", "MemTotal: 3884000 kB\nMemAvailable: 3500000 kB\n"),
            ("/proc/sys/kernel/osrelease", "6.12.25+rpt-rpi-v8\n"),
            ("/etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            ("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "ondemand\n"),
            ("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "1800000\n"),
        ]);
        let board = Board::look(&root);
        assert_eq!(board.name(), "Raspberry Pi 4 Model B Rev 1.4");
        assert_eq!((board.cpu.as_str(), board.governor.as_deref()), ("Cortex-A72", Some("ondemand")));
        assert_eq!((board.max_mhz, board.os.as_str()), (Some(1800.0), "Debian GNU/Linux 12 (bookworm)"));
        let mut newer = board.clone();
        (newer.memory_bytes, newer.kernel) = (board.memory_bytes - (4 << 20), "6.18".into());
        assert_eq!(newer.identity(), board.identity());
        newer.memory_bytes = board.memory_bytes * 2;
        assert_ne!(newer.identity(), board.identity());
    }

    #[test]
    fn a_pc_and_an_unknown_core() {
        let (_folder, root) = machine(&[
            ("/sys/class/dmi/id/sys_vendor", "Maker"),
            ("/sys/class/dmi/id/product_name", "Box"),
            ("/proc/cpuinfo", "model name : Fast CPU @ 3 GHz\nmodel : 1\n"),
        ]);
        assert_eq!((Board::look(&root).name(), Board::look(&root).cpu.as_str()), ("Maker Box", "Fast CPU @ 3 GHz"));
        assert!(arm_name("0x41", "0xfff").contains("0xfff"));
    }
}
