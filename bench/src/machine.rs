//! The machine: what it is, and how it feels before and after.

use std::fs;
use std::process::Command;

/// Facts that do not change while it runs, as keys and values.
pub fn facts() -> Vec<(&'static str, String)> {
    let cpuinfo = read("/proc/cpuinfo");
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let first = |names: &[&str]| names.iter().find_map(|name| field(&cpuinfo, name)).unwrap_or_default();
    let mut facts = vec![
        ("board", read("/sys/firmware/devicetree/base/model").trim_end_matches('\0').to_owned()),
        ("cpu", cpu(&cpuinfo)),
        ("cpu flags", first(&["flags", "Features"])),
        ("processors", processors.to_string()),
        ("kernel", read("/proc/sys/kernel/osrelease").trim().to_owned()),
        ("system", os_name(&read("/etc/os-release"))),
        ("governor", read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").trim().to_owned()),
        ("clock limit, kHz", read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq").trim().to_owned()),
        ("memory, kB", field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default()),
        ("last cache, kB", cache_kib().map_or(String::new(), |kib| kib.to_string())),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

/// Load, heat, clock and, on a Raspberry Pi, whether it has been slowed down (`vcgencmd get_throttled`; bits 16 to 19 say what
/// has happened since it was started).
pub fn state() -> String {
    let mut parts = vec![format!("load {}", read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" "))];
    let degrees = read("/sys/class/thermal/thermal_zone0/temp").trim().parse::<f64>();
    parts.extend(degrees.map(|milli| format!("{:.1} °C", milli / 1000.0)));
    let clock = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq").trim().parse::<f64>();
    parts.extend(clock.map(|khz| format!("{:.0} MHz", khz / 1000.0)));
    if let Ok(output) = Command::new("vcgencmd").arg("get_throttled").output() {
        parts.push(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    parts.join(", ")
}

/// The largest cache of the first processor.
pub fn cache_kib() -> Option<u64> {
    let size = |i: usize| {
        read(&format!("/sys/devices/system/cpu/cpu0/cache/index{i}/size")).trim().strip_suffix('K')?.parse().ok()
    };
    (0..8).filter_map(size).max()
}

/// Memory that may be taken without others being swapped out, bytes.
pub fn available() -> Option<u64> {
    let kib = field(&read("/proc/meminfo"), "MemAvailable")?;
    kib.split(' ').next()?.parse::<u64>().ok().map(|kib| kib << 10)
}

/// The largest resident set of this program so far, bytes.
pub fn own_peak() -> Option<u64> {
    let kib = field(&read("/proc/self/status"), "VmHWM")?;
    kib.split(' ').next()?.parse::<u64>().ok().map(|kib| kib << 10)
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The value of the first line `name : value`.
fn field(text: &str, name: &str) -> Option<String> {
    let value = |line: &str| {
        line.split_once(':').filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
    };
    text.lines().find_map(value)
}

/// The model's name; on ARM its numbers, which Linux gives there instead.
fn cpu(cpuinfo: &str) -> String {
    if let Some(name) = field(cpuinfo, "model name") {
        return name;
    }
    match (field(cpuinfo, "CPU implementer").as_deref(), field(cpuinfo, "CPU part").as_deref()) {
        (Some("0x41"), Some("0xd08")) => "Cortex-A72".into(),
        (Some("0x41"), Some("0xd0b")) => "Cortex-A76".into(),
        (Some(implementer), Some(part)) => format!("implementer {implementer}, part {part}"),
        _ => String::new(),
    }
}

fn os_name(os_release: &str) -> String {
    let name = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.unwrap_or_default().trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_named() {
        assert_eq!(cpu("processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu vme\n"), "AMD EPYC");
        let pi = "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n";
        assert_eq!(cpu(pi), "Cortex-A76");
        assert_eq!(field(pi, "Features").unwrap(), "fp asimd");
        assert_eq!(cpu(&pi.replace("d0b", "d05")), "implementer 0x41, part 0xd05");
        assert_eq!(cpu(""), "");
    }

    #[test]
    fn systems_are_named() {
        assert_eq!(
            os_name("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            "Debian GNU/Linux 12 (bookworm)"
        );
        assert_eq!(os_name(""), "");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_has_facts() {
        let facts = facts();
        for key in ["cpu flags", "processors", "kernel", "memory, kB"] {
            assert!(facts.iter().any(|(other, value)| *other == key && !value.is_empty()), "{key}: {facts:?}");
        }
        assert!(state().starts_with("load "), "{}", state());
        assert!(available() > Some(1 << 20));
    }
}
