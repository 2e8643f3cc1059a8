//! Energy: what a stretch of time took.
//!
//! - **PMIC** of a Raspberry Pi 5: `vcgencmd pmic_read_adc` lists volts and amperes of its rails; their products add up to
//!   the power of the board without what hangs on its 5 V pins. Samples are integrated by the trapezoid rule.
//! - **RAPL** of x86: a counter of microjoules of the package that wraps; root alone may read it since Linux 5.10.
//! - A meter outside: see [`meter`](super::meter).

use super::Root;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Instant;

/// Where energy is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnergySource {
    /// Power-management chip of the Raspberry Pi 5: all rails, without 5 V loads.
    Pmic,
    /// Running average power limit: the processor's package alone.
    Rapl,
    /// A meter at the supply, whose record was imported.
    Meter,
}

/// Energy of a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Energy {
    /// What it was read from.
    pub source: EnergySource,
    /// All of it.
    pub joules: f64,
    /// How long it was looked at, seconds.
    pub seconds: f64,
}

/// Adds energy up while it is asked again and again.
#[derive(Debug)]
pub(super) struct Gauge {
    root: Root,
    source: EnergySource,
    start: Instant,
    joules: f64,
    last: Last,
}

#[derive(Debug)]
enum Last {
    /// Watts, and when.
    Power(Option<(f64, Instant)>),
    /// Microjoules, and where the counter wraps.
    Counter(f64, f64),
}

const RAPL: &str = "/sys/class/powercap/intel-rapl:0";

impl Gauge {
    /// Starts to count; `None` if this machine cannot.
    pub fn start(root: &Root) -> Option<Self> {
        let now = Instant::now();
        let gauge = |source, last| Self { root: root.clone(), source, start: now, joules: 0.0, last };
        if let Some(counter) = root.number(&format!("{RAPL}/energy_uj")) {
            let wraps = root.number(&format!("{RAPL}/max_energy_range_uj")).unwrap_or(f64::INFINITY);
            return Some(gauge(EnergySource::Rapl, Last::Counter(counter, wraps)));
        }
        let watts = watts(&root.ask_firmware(&["pmic_read_adc"])?)?;
        Some(gauge(EnergySource::Pmic, Last::Power(Some((watts, now)))))
    }

    /// Looks again: at least once a second, and for counters before they wrap twice.
    pub fn look(&mut self) {
        self.look_at(Instant::now());
    }

    fn look_at(&mut self, now: Instant) {
        match &mut self.last {
            Last::Counter(last, wraps) => {
                let Some(counter) = self.root.number(&format!("{RAPL}/energy_uj")) else { return };
                let grown = if counter >= *last { counter - *last } else { counter + *wraps - *last };
                self.joules += grown / 1e6;
                *last = counter;
            }
            Last::Power(last) => {
                let Some(watts) = self.root.ask_firmware(&["pmic_read_adc"]).and_then(|text| watts(&text)) else {
                    return;
                };
                if let Some((before, when)) = *last {
                    self.joules += (watts + before) / 2.0 * (now - when).as_secs_f64();
                }
                *last = Some((watts, now));
            }
        }
    }

    /// Looks a last time.
    pub fn stop(mut self) -> Energy {
        self.look();
        Energy { source: self.source, joules: self.joules, seconds: self.start.elapsed().as_secs_f64() }
    }
}

/// The sum over the rails of what `pmic_read_adc` prints: lines such as `3V3_SYS_A current(1)=0.05A` and
/// `3V3_SYS_V volt(9)=3.31V`, paired by the rail's name.
fn watts(text: &str) -> Option<f64> {
    let mut rails: BTreeMap<&str, (Option<f64>, Option<f64>)> = BTreeMap::new();
    for line in text.lines() {
        let Some((name, value)) =
            line.trim().split_once(' ').and_then(|(name, rest)| Some((name, rest.split_once('=')?.1)))
        else {
            continue;
        };
        if let (Some(rail), Some(amperes)) = (name.strip_suffix("_A"), value.strip_suffix('A')) {
            rails.entry(rail).or_default().0 = amperes.parse().ok();
        } else if let (Some(rail), Some(volts)) = (name.strip_suffix("_V"), value.strip_suffix('V')) {
            rails.entry(rail).or_default().1 = volts.parse().ok();
        }
    }
    // EXT5V and BATT are voltages without a current: they have no product.
    let powers: Vec<f64> =
        rails.values().filter_map(|(amperes, volts)| Some(amperes.as_ref()? * volts.as_ref()?)).collect();
    (!powers.is_empty()).then(|| powers.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::super::root::tests::{machine, set};
    use super::*;
    use std::time::Duration;

    const ADC: &str = "\
     3V7_WL_SW_A current(0)=0.10000000A
       3V3_SYS_A current(1)=0.50000000A
     3V7_WL_SW_V volt(8)=3.70000000V
       3V3_SYS_V volt(9)=3.30000000V
        EXT5V_V volt(24)=5.10000000V";

    #[test]
    fn rails_are_paired_by_name() {
        let sum = watts(ADC).unwrap();
        assert!((sum - (0.37 + 1.65)).abs() < 1e-9, "{sum}");
        assert_eq!(watts("vc_gencmd_read_response returned -1"), None);
    }

    #[test]
    fn a_counter_that_wraps() {
        let (energy, range) = (format!("{RAPL}/energy_uj"), format!("{RAPL}/max_energy_range_uj"));
        let (_folder, root) = machine(&[(&energy, "9000000"), (&range, "10000000")]);
        let mut gauge = Gauge::start(&root).unwrap();
        set(&root, &energy, "9500000");
        gauge.look();
        set(&root, &energy, "250000");
        let energy = gauge.stop();
        assert_eq!(energy.source, EnergySource::Rapl);
        assert!((energy.joules - (0.5 + 0.75)).abs() < 1e-9, "{energy:?}");
    }

    #[cfg(unix)]
    #[test]
    fn power_is_integrated() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, root) = machine(&[("/adc", ADC), ("/usr/bin/vcgencmd", "")]);
        let script = format!("#!/bin/sh\nexec cat {}\n", root.path("/adc").display());
        set(&root, "/usr/bin/vcgencmd", &script);
        std::fs::set_permissions(root.path("/usr/bin/vcgencmd"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut gauge = Gauge::start(&root).unwrap();
        let Last::Power(Some((_, start))) = gauge.last else { panic!("a PMIC") };
        // 2.02 W, then 4.02 W: a trapezoid over two seconds, a rectangle over one.
        set(&root, "/adc", &ADC.replace("current(1)=0.5", "current(1)=1.10606061"));
        gauge.look_at(start + Duration::from_secs(2));
        gauge.look_at(start + Duration::from_secs(3));
        assert!((gauge.joules - (6.04 + 4.02)).abs() < 1e-3, "{}", gauge.joules);
        assert_eq!(gauge.source, EnergySource::Pmic);
    }

    #[test]
    fn most_machines_do_not_tell() {
        let (_folder, root) = machine(&[]);
        assert!(Gauge::start(&root).is_none());
    }
}
