//! Temperature of the processor and its clocks.

use super::Root;

/// Where temperature and clocks are read.
#[derive(Debug, Clone)]
pub struct Heat {
    root: Root,
    /// Thousandths of a degree.
    temperature: Option<String>,
    /// Of each processor, kHz.
    clocks: Vec<String>,
}

/// Kinds of thermal zones that are the processor's, best first.
const ZONES: [&str; 6] = ["cpu-thermal", "x86_pkg_temp", "cpu_thermal", "soc-thermal", "soc_thermal", "acpitz"];

/// Names of hardware monitors that are the processor's.
const MONITORS: [&str; 4] = ["coretemp", "k10temp", "zenpower", "cpu_thermal"];

impl Heat {
    /// Looks for sensors.
    pub fn find(root: &Root) -> Self {
        let cpus = root.names("/sys/devices/system/cpu").into_iter();
        let numbered = cpus.filter(|name| name.strip_prefix("cpu").is_some_and(|n| n.parse::<u32>().is_ok()));
        let clocks = numbered.map(|name| format!("/sys/devices/system/cpu/{name}/cpufreq/scaling_cur_freq"));
        let clocks = clocks.filter(|file| root.number(file).is_some()).collect();
        Self { root: root.clone(), temperature: zone(root).or_else(|| monitor(root)), clocks }
    }

    /// Degrees Celsius; `None` if the machine does not tell.
    pub fn celsius(&self) -> Option<f64> {
        Some(self.root.number(self.temperature.as_ref()?)? / 1000.0)
    }

    /// Mean clock of all processors, MHz: of the frequency driver, or as `/proc/cpuinfo` has it.
    pub fn megahertz(&self) -> Option<f64> {
        let read = self.clocks.iter().filter_map(|file| self.root.number(file)).map(|khz| khz / 1000.0);
        mean(read).or_else(|| {
            let text = self.root.read("/proc/cpuinfo")?;
            mean(text.lines().filter_map(|line| line.strip_prefix("cpu MHz")?.split(':').nth(1)?.trim().parse().ok()))
        })
    }

    /// The clock that the firmware measures, MHz, where there is one: what is reported may not be what runs.
    pub fn measured_megahertz(&self) -> Option<f64> {
        let answer = self.root.ask_firmware(&["measure_clock", "arm"])?;
        let hertz: f64 = answer.split('=').nth(1)?.parse().ok()?;
        Some(hertz / 1e6)
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    (count > 0.0).then(|| sum / count)
}

fn zone(root: &Root) -> Option<String> {
    let zones = root.names("/sys/class/thermal").into_iter().filter(|name| name.starts_with("thermal_zone"));
    let folders: Vec<String> = zones.map(|name| format!("/sys/class/thermal/{name}")).collect();
    let kinds: Vec<Option<String>> = folders.iter().map(|folder| root.read(&format!("{folder}/type"))).collect();
    let best = ZONES.iter().find_map(|zone| kinds.iter().position(|kind| kind.as_deref() == Some(zone)))?;
    let file = format!("{}/temp", folders[best]);
    root.number(&file).map(|_| file)
}

fn monitor(root: &Root) -> Option<String> {
    let monitors = root.names("/sys/class/hwmon").into_iter().map(|name| format!("/sys/class/hwmon/{name}"));
    let known = monitors
        .filter(|folder| root.read(&format!("{folder}/name")).is_some_and(|name| MONITORS.contains(&name.as_str())));
    known.map(|folder| format!("{folder}/temp1_input")).find(|file| root.number(file).is_some())
}

#[cfg(test)]
mod tests {
    use super::super::root::tests::machine;
    use super::*;

    #[test]
    fn a_raspberry_pi() {
        let (_folder, root) = machine(&[
            ("/sys/class/thermal/thermal_zone0/type", "other"),
            ("/sys/class/thermal/thermal_zone0/temp", "10000"),
            ("/sys/class/thermal/thermal_zone1/type", "cpu-thermal"),
            ("/sys/class/thermal/thermal_zone1/temp", "61250"),
            ("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1500000"),
            ("/sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "1400000"),
            ("/sys/devices/system/cpu/cpufreq/none", ""),
        ]);
        let heat = Heat::find(&root);
        assert_eq!((heat.celsius(), heat.megahertz()), (Some(61.25), Some(1450.0)));
        assert_eq!(heat.measured_megahertz(), None);
    }

    #[test]
    fn a_pc_and_a_machine_that_does_not_tell() {
        let (_folder, root) = machine(&[
            ("/sys/class/hwmon/hwmon0/name", "nvme"),
            ("/sys/class/hwmon/hwmon0/temp1_input", "30000"),
            ("/sys/class/hwmon/hwmon3/name", "k10temp"),
            ("/sys/class/hwmon/hwmon3/temp1_input", "45000"),
            ("/proc/cpuinfo", "processor : 0\ncpu MHz\t\t: 2000.000\n\nprocessor : 1\ncpu MHz\t\t: 3000.0\n"),
        ]);
        let heat = Heat::find(&root);
        assert_eq!((heat.celsius(), heat.megahertz()), (Some(45.0), Some(2500.0)));
        let (_folder, nothing) = machine(&[]);
        let heat = Heat::find(&nothing);
        assert_eq!((heat.celsius(), heat.megahertz()), (None, None));
    }
}
