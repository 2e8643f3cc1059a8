//! Signs that the machine ran slower than it can: under-voltage, heat, capped clocks.
//!
//! Raspberry Pi's firmware keeps a word of bits (raspberrypi.com/documentation, `vcgencmd get_throttled`): 0 to 3 tell of
//! now, 16 to 19 of any time since the start. The latter can be cleared by others, so the former are read often and
//! joined. Processors of PCs count what they throttled.

use super::Root;

/// The supply is below 4.63 V.
pub const UNDER_VOLTAGE: u32 = 1;
/// The clock is capped.
pub const CAPPED: u32 = 2;
/// The processor is throttled.
pub const THROTTLED: u32 = 4;
/// The soft temperature limit is in effect.
pub const SOFT_LIMIT: u32 = 8;
/// The bits that tell of now.
pub const NOW: u32 = 15;

/// Where the bits are read.
#[derive(Debug, Clone)]
pub struct Throttle {
    root: Root,
    source: Source,
    /// An alarm of the supply's voltage.
    alarm: Option<String>,
}

#[derive(Debug, Clone)]
enum Source {
    /// A file of the Raspberry Pi firmware driver, hexadecimal.
    File(String),
    Firmware,
    /// Counters of an x86 processor.
    Counters(Vec<String>),
    None,
}

impl Throttle {
    /// Looks for a way to tell.
    pub fn find(root: &Root) -> Self {
        let source = firmware_file(root)
            .map(Source::File)
            .or_else(|| root.vcgencmd().map(|_| Source::Firmware))
            .or_else(|| counters(root).map(Source::Counters))
            .unwrap_or(Source::None);
        Self { root: root.clone(), source, alarm: alarm(root) }
    }

    /// What it is read from, for people; `None` if the machine does not tell.
    pub fn name(&self) -> Option<&'static str> {
        match self.source {
            Source::File(_) => Some("firmware (sysfs)"),
            Source::Firmware => Some("firmware (vcgencmd)"),
            Source::Counters(_) => Some("counters of the processor"),
            Source::None => self.alarm.as_ref().map(|_| "voltage alarm"),
        }
    }

    /// Whether reading costs a process, so that it should not be done more often than needed.
    pub fn is_dear(&self) -> bool {
        matches!(self.source, Source::Firmware)
    }

    /// The bits that hold now. Counters have none: see [`Throttle::count`].
    pub fn bits(&self) -> u32 {
        let word = match &self.source {
            Source::File(path) => self.root.read(path).and_then(|text| hexadecimal(&text)),
            Source::Firmware => self.word_of_firmware(),
            _ => None,
        };
        let alarm = self.alarm.as_ref().and_then(|path| self.root.number(path)).is_some_and(|value| value > 0.0);
        word.unwrap_or(0) & NOW | if alarm { UNDER_VOLTAGE } else { 0 }
    }

    /// All bits, those of any time since the start included, where the firmware tells.
    pub fn word(&self) -> Option<u32> {
        match &self.source {
            Source::File(path) => hexadecimal(&self.root.read(path)?),
            Source::Firmware => self.word_of_firmware(),
            _ => None,
        }
    }

    /// How often processors of PCs have throttled so far.
    pub fn count(&self) -> u64 {
        match &self.source {
            Source::Counters(files) => files.iter().filter_map(|file| self.root.number(file)).map(|n| n as u64).sum(),
            _ => 0,
        }
    }

    fn word_of_firmware(&self) -> Option<u32> {
        let answer = self.root.ask_firmware(&["get_throttled"])?;
        hexadecimal(answer.strip_prefix("throttled=")?)
    }
}

/// The bits in words, for people.
pub fn describe(bits: u32) -> Vec<&'static str> {
    let names = [
        (UNDER_VOLTAGE, "under-voltage"),
        (CAPPED, "clock capped"),
        (THROTTLED, "throttled"),
        (SOFT_LIMIT, "soft temperature limit"),
    ];
    names.into_iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| name).collect()
}

fn hexadecimal(text: &str) -> Option<u32> {
    u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
}

/// The file of the firmware's driver: its folder differs between boards.
fn firmware_file(root: &Root) -> Option<String> {
    let places =
        ["/sys/devices/platform/soc/soc:firmware", "/sys/devices/platform/soc@107c000000/soc@107c000000:firmware"];
    let known = places.iter().map(|place| format!("{place}/get_throttled"));
    let below = root.names("/sys/bus/platform/drivers/raspberrypi-firmware").into_iter();
    let found = below.map(|name| format!("/sys/bus/platform/drivers/raspberrypi-firmware/{name}/get_throttled"));
    known.chain(found).find(|path| root.read(path).is_some_and(|text| hexadecimal(&text).is_some()))
}

fn counters(root: &Root) -> Option<Vec<String>> {
    let cpus = root.names("/sys/devices/system/cpu").into_iter();
    let files = cpus
        .filter(|name| name.starts_with("cpu"))
        .map(|name| format!("/sys/devices/system/cpu/{name}/thermal_throttle/core_throttle_count"));
    let files: Vec<String> = files.filter(|file| root.number(file).is_some()).collect();
    (!files.is_empty()).then_some(files)
}

fn alarm(root: &Root) -> Option<String> {
    let monitors = root.names("/sys/class/hwmon").into_iter().map(|name| format!("/sys/class/hwmon/{name}"));
    let mut volt = monitors.filter(|folder| root.read(&format!("{folder}/name")).as_deref() == Some("rpi_volt"));
    volt.next().map(|folder| format!("{folder}/in0_lcrit_alarm"))
}

#[cfg(test)]
mod tests {
    use super::super::root::tests::{machine, set};
    use super::*;

    const FILE: &str = "/sys/devices/platform/soc/soc:firmware/get_throttled";

    #[test]
    fn the_firmwares_file_tells_of_now_and_of_ever() {
        let (_folder, root) = machine(&[(FILE, "50005\n")]);
        let throttle = Throttle::find(&root);
        assert_eq!(throttle.bits(), UNDER_VOLTAGE | THROTTLED);
        assert_eq!(throttle.word(), Some(0x50005));
        assert_eq!(describe(throttle.bits()), ["under-voltage", "throttled"]);
        set(&root, FILE, "50000\n");
        assert_eq!(throttle.bits(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn the_firmwares_tool_tells_too() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, root) =
            machine(&[("/usr/bin/vcgencmd", "#!/bin/sh\n[ \"$1\" = get_throttled ] && echo throttled=0x8\n")]);
        std::fs::set_permissions(root.path("/usr/bin/vcgencmd"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let throttle = Throttle::find(&root);
        assert!(throttle.is_dear());
        assert_eq!((throttle.bits(), throttle.word()), (SOFT_LIMIT, Some(8)));
    }

    #[test]
    fn alarms_and_counters() {
        let (_folder, root) = machine(&[
            ("/sys/class/hwmon/hwmon1/name", "rpi_volt"),
            ("/sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1"),
            ("/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "3"),
            ("/sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "4"),
        ]);
        let throttle = Throttle::find(&root);
        assert_eq!((throttle.bits(), throttle.count()), (UNDER_VOLTAGE, 7));
        let (_folder, nothing) = machine(&[]);
        assert_eq!(Throttle::find(&nothing).name(), None);
        assert_eq!(Throttle::find(&nothing).bits(), 0);
    }
}
