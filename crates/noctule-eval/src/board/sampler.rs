//! What happens to the machine while something runs: a thread that looks ten times a second.

use super::power::Gauge;
use super::throttle::THROTTLED;
use super::{Energy, Heat, Memory, Pressure, Root, Thrash, Throttle};
use serde::{Deserialize, Serialize};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks: at least five a second are needed to see short throttling.
const PERIOD: Duration = Duration::from_millis(100);
/// Between two questions that cost a process each.
const DEAR_PERIOD: Duration = Duration::from_millis(200);
/// Between two looks at the power.
const POWER_PERIOD: Duration = Duration::from_millis(500);
/// Points of a strip of heat and clock: more are thinned out.
const STRIP: usize = 240;

/// What happened in a stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BoardUse {
    /// How often was looked.
    pub samples: u32,
    /// Clock, MHz: lowest, mean, highest.
    pub mhz: Option<[f64; 3]>,
    /// Temperature, °C: at the start, highest, at the end.
    pub celsius: Option<[f64; 3]>,
    /// Bits of throttling that were seen at any time, as in [`super::describe_throttle`].
    pub throttled: u32,
    /// Available memory, bytes: before, least, after.
    pub available_bytes: Option<[u64; 3]>,
    /// Swap in use, bytes: before, after.
    pub swap_used_bytes: Option<[u64; 2]>,
    /// Signs of short memory.
    pub thrash: Thrash,
    /// Time lost to waiting, where the kernel tells.
    pub pressure: Option<Pressure>,
    /// What it took, where the machine tells.
    pub energy: Option<Energy>,
    /// Clock and heat over time.
    #[serde(default, skip_serializing_if = "Strip::is_empty")]
    pub strip: Strip,
}

/// Clock and temperature over time; the same index is the same moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Strip {
    /// Since the start, seconds.
    pub seconds: Vec<f64>,
    /// MHz; empty if the machine does not tell.
    pub mhz: Vec<f64>,
    /// °C; empty if the machine does not tell.
    pub celsius: Vec<f64>,
}

impl Strip {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.seconds.is_empty()
    }

    /// Adds a moment, if there is anything to say of it.
    fn add(&mut self, second: f64, mhz: Option<f64>, celsius: Option<f64>) {
        if mhz.is_some() || celsius.is_some() {
            self.seconds.push((second * 100.0).round() / 100.0);
            self.mhz.extend(mhz.map(f64::round));
            self.celsius.extend(celsius);
        }
    }

    /// Leaves out every other moment.
    fn thin(&mut self) {
        for values in [&mut self.seconds, &mut self.mhz, &mut self.celsius] {
            *values = values.iter().step_by(2).copied().collect();
        }
    }
}

/// A thread that looks at the machine until it is stopped.
#[derive(Debug)]
pub struct Sampler {
    stop: Sender<()>,
    thread: JoinHandle<BoardUse>,
}

impl Sampler {
    /// Starts to look.
    pub fn start(root: &Root) -> Self {
        let (stop, stopped) = channel();
        let mut watch = Watch::new(root);
        let thread = std::thread::spawn(move || {
            watch.until(&stopped);
            watch.finish()
        });
        Self { stop, thread }
    }

    /// Stops, and tells what happened.
    pub fn stop(self) -> BoardUse {
        // The thread ends by itself only if it panics, and then there is nothing to tell.
        let _ = self.stop.send(());
        self.thread.join().unwrap_or_default()
    }
}

struct Watch {
    root: Root,
    heat: Heat,
    throttle: Throttle,
    gauge: Option<Gauge>,
    started: Instant,
    /// When the next dear question and the next look at the power are due.
    due: (Instant, Instant),
    /// How often the processor had throttled before.
    throttle_count: u64,
    thrash: Thrash,
    pressure: Option<Pressure>,
    clocks: (f64, u32),
    /// Looks between two points of the strip.
    stride: u32,
    found: BoardUse,
}

impl Watch {
    fn new(root: &Root) -> Self {
        let throttle = Throttle::find(root);
        let now = Instant::now();
        let memory = Memory::now(root);
        let used = memory.map(|m| [m.swap_total_bytes.saturating_sub(m.swap_free_bytes); 2]);
        let found = BoardUse {
            available_bytes: memory.map(|m| [m.available_bytes; 3]),
            swap_used_bytes: used,
            ..BoardUse::default()
        };
        Self {
            heat: Heat::find(root),
            throttle_count: throttle.count(),
            throttle,
            gauge: Gauge::start(root),
            started: now,
            due: (now, now + POWER_PERIOD),
            thrash: Thrash::now(root),
            pressure: Pressure::now(root),
            clocks: (0.0, 0),
            stride: 1,
            root: root.clone(),
            found,
        }
    }

    fn until(&mut self, stopped: &Receiver<()>) {
        loop {
            self.look();
            match stopped.recv_timeout(PERIOD) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => return,
            }
        }
    }

    fn look(&mut self) {
        let now = Instant::now();
        let found = &mut self.found;
        found.samples += 1;
        let (mhz, celsius) = (self.heat.megahertz(), self.heat.celsius());
        if let Some(mhz) = mhz {
            self.clocks = (self.clocks.0 + mhz, self.clocks.1 + 1);
            let [low, mean, high] = found.mhz.get_or_insert([mhz; 3]);
            (*low, *high) = (low.min(mhz), high.max(mhz));
            *mean = self.clocks.0 / f64::from(self.clocks.1);
        }
        if let Some(celsius) = celsius {
            let [_, high, end] = found.celsius.get_or_insert([celsius; 3]);
            (*high, *end) = (high.max(celsius), celsius);
        }
        if (found.samples - 1).is_multiple_of(self.stride) {
            found.strip.add((now - self.started).as_secs_f64(), mhz, celsius);
        }
        if found.strip.seconds.len() == STRIP {
            found.strip.thin();
            self.stride *= 2;
        }
        if !self.throttle.is_dear() || now >= self.due.0 {
            found.throttled |= self.throttle.bits();
            self.due.0 = now + DEAR_PERIOD;
        }
        if let Some(gauge) = self.gauge.as_mut().filter(|_| now >= self.due.1) {
            gauge.look();
            self.due.1 = now + POWER_PERIOD;
        }
        if let (Some(memory), Some([_, least, after])) = (Memory::now(&self.root), &mut found.available_bytes) {
            (*least, *after) = ((*least).min(memory.available_bytes), memory.available_bytes);
        }
    }

    fn finish(mut self) -> BoardUse {
        self.look();
        let mut found = self.found;
        if self.throttle.count() > self.throttle_count {
            found.throttled |= THROTTLED;
        }
        if let (Some(memory), Some([_, after])) = (Memory::now(&self.root), &mut found.swap_used_bytes) {
            *after = memory.swap_total_bytes.saturating_sub(memory.swap_free_bytes);
        }
        found.thrash = Thrash::now(&self.root).since(self.thrash);
        let before = self.pressure;
        found.pressure = before.and_then(|before| Some(Pressure::now(&self.root)?.since(before)));
        found.energy = self.gauge.map(Gauge::stop);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::root::tests::{machine, set};
    use super::*;

    const THROTTLE: &str = "/sys/devices/platform/soc/soc:firmware/get_throttled";
    const TEMPERATURE: &str = "/sys/class/thermal/thermal_zone0/temp";
    const CLOCK: &str = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq";

    fn pi() -> (tempfile::TempDir, Root) {
        machine(&[
            (THROTTLE, "0"),
            ("/sys/class/thermal/thermal_zone0/type", "cpu-thermal"),
            (TEMPERATURE, "50000"),
            (CLOCK, "1800000"),
            ("/proc/meminfo", "MemTotal: 4000 kB\nMemAvailable: 3000 kB\nSwapTotal: 10 kB\nSwapFree: 10 kB\n"),
            ("/proc/vmstat", "oom_kill 0\n"),
        ])
    }

    #[test]
    fn short_throttling_is_seen_and_kept() {
        let (_folder, root) = pi();
        let sampler = Sampler::start(&root);
        std::thread::sleep(Duration::from_millis(150));
        set(&root, THROTTLE, "50005");
        set(&root, TEMPERATURE, "84000");
        set(&root, CLOCK, "600000");
        set(&root, "/proc/meminfo", "MemTotal: 4000 kB\nMemAvailable: 100 kB\nSwapTotal: 10 kB\nSwapFree: 4 kB\n");
        std::thread::sleep(Duration::from_millis(400));
        set(&root, THROTTLE, "50000");
        set(&root, TEMPERATURE, "70000");
        set(&root, "/proc/meminfo", "MemTotal: 4000 kB\nMemAvailable: 2000 kB\nSwapTotal: 10 kB\nSwapFree: 7 kB\n");
        set(&root, "/proc/vmstat", "oom_kill 1\n");
        let found = sampler.stop();
        assert_eq!(found.throttled, 5);
        assert_eq!(found.celsius, Some([50.0, 84.0, 70.0]));
        let [low, mean, high] = found.mhz.unwrap();
        assert!(low == 600.0 && high == 1800.0 && mean > low && mean < high, "{mean}");
        assert_eq!(found.available_bytes, Some([3000 << 10, 100 << 10, 2000 << 10]));
        assert_eq!(found.swap_used_bytes, Some([0, 3 << 10]));
        assert_eq!((found.thrash.oom_kills, found.pressure, found.energy), (1, None, None));
        assert!(found.samples >= 5 && found.strip.celsius.contains(&84.0), "{found:?}");
    }

    #[test]
    fn a_strip_never_grows_beyond_its_points() {
        let (_folder, root) = pi();
        let mut watch = Watch::new(&root);
        (0..5000).for_each(|_| watch.look());
        let strip = &watch.found.strip;
        assert!((STRIP / 4..=STRIP).contains(&strip.seconds.len()), "{}", strip.seconds.len());
        assert_eq!(strip.seconds.len(), strip.mhz.len());
        assert!(strip.seconds.is_sorted());
    }

    #[test]
    fn a_machine_that_tells_nothing() {
        let (_folder, root) = machine(&[]);
        let found = Sampler::start(&root).stop();
        assert_eq!((found.mhz, found.celsius, found.throttled, found.available_bytes), (None, None, 0, None));
        assert!(found.strip.is_empty());
    }
}
