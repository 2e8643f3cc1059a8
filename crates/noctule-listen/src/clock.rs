//! What time it is for a session: that of the world, or a simulated one.
//!
//! A simulated clock lets a recording be heard faster than it lasts and still
//! tells when each word would have come: it moves on by what the audio lasts while the session waits for it,
//! and by what computing takes while it works (a *computation-aware* simulation, as in SimulStreaming).

use std::time::{Duration, Instant};

/// How the time of computing is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Meter {
    /// Wall-clock time.
    #[default]
    Wall,
    /// Processor time of this process over this many threads: on a machine that is busy with other
    /// work, about the wall-clock time that an idle one would need.
    Processor {
        /// Threads that compute.
        threads: usize,
    },
    /// None: computing takes no time (*computation-unaware*). The events are the same on every machine.
    Free,
}

/// The time since a session began, seconds.
#[derive(Debug)]
pub struct Clock {
    kind: Kind,
    /// Times that computing is slowed down by.
    slow_down: f64,
    /// Processor time of all work so far.
    computed: Duration,
}

#[derive(Debug)]
enum Kind {
    Real { start: Instant, at: f64 },
    Simulated { now: f64, meter: Meter },
}

impl Clock {
    /// The world's time, from now on.
    pub fn real() -> Self {
        Self { kind: Kind::Real { start: Instant::now(), at: 0.0 }, slow_down: 1.0, computed: Duration::ZERO }
    }

    /// A simulated time.
    pub fn simulated(meter: Meter) -> Self {
        Self { kind: Kind::Simulated { now: 0.0, meter }, slow_down: 1.0, computed: Duration::ZERO }
    }

    /// Pretends that computing takes `factor` times as long, at least 1.
    pub fn slowed_down(self, factor: f64) -> Self {
        Self { slow_down: factor.max(1.0), ..self }
    }

    /// Sets the clock.
    pub fn set(&mut self, time: f64) {
        match &mut self.kind {
            Kind::Real { start, at } => (*start, *at) = (Instant::now(), time),
            Kind::Simulated { now, .. } => *now = time,
        }
    }

    /// Seconds since the beginning.
    pub fn now(&self) -> f64 {
        match &self.kind {
            Kind::Real { start, at } => at + start.elapsed().as_secs_f64(),
            Kind::Simulated { now, .. } => *now,
        }
    }

    /// Processor time of all [`timed`](Self::timed) work, slowing down included, seconds.
    pub fn computed(&self) -> f64 {
        self.computed.as_secs_f64()
    }

    /// Waits until `time`: moves a simulated clock there, and does nothing with the world's.
    pub fn wait_until(&mut self, time: f64) {
        if let Kind::Simulated { now, .. } = &mut self.kind {
            *now = now.max(time);
        }
    }

    /// Does `work` and lets the time pass that it takes; returns its result and that time, seconds.
    pub fn timed<T>(&mut self, work: impl FnOnce() -> T) -> (T, f64) {
        let (wall, processor) = (Instant::now(), processor_time());
        let result = work();
        let processor = processor_time().saturating_sub(processor);
        let took = match &self.kind {
            Kind::Real { .. } | Kind::Simulated { meter: Meter::Wall, .. } => wall.elapsed().as_secs_f64(),
            Kind::Simulated { meter: Meter::Processor { threads }, .. } => {
                processor.as_secs_f64() / (*threads).max(1) as f64
            }
            Kind::Simulated { meter: Meter::Free, .. } => 0.0,
        };
        self.computed += processor.mul_f64(self.slow_down);
        let cost = took * self.slow_down;
        match &mut self.kind {
            Kind::Real { .. } if self.slow_down > 1.0 => std::thread::sleep(Duration::from_secs_f64(cost - took)),
            Kind::Real { .. } => {}
            Kind::Simulated { now, .. } => *now += cost,
        }
        (result, cost)
    }
}

/// Processor time of this process; zero where the system does not tell.
fn processor_time() -> Duration {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
    }
    #[cfg(not(unix))]
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(time: Duration) {
        let start = Instant::now();
        while start.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn a_simulated_clock_waits_for_nothing_but_counts_work() {
        let mut clock = Clock::simulated(Meter::Wall);
        clock.wait_until(3600.0);
        clock.wait_until(5.0);
        assert_eq!(clock.now(), 3600.0);
        let (result, took) = clock.timed(|| {
            busy(Duration::from_millis(20));
            7
        });
        assert_eq!(result, 7);
        assert!(took >= 0.02 && (clock.now() - 3600.0 - took).abs() < 1e-9);
    }

    #[test]
    fn a_free_clock_is_the_same_everywhere() {
        let mut clock = Clock::simulated(Meter::Free).slowed_down(3.0);
        let ((), took) = clock.timed(|| busy(Duration::from_millis(5)));
        assert_eq!((took, clock.now()), (0.0, 0.0));
    }

    #[test]
    fn slowing_down_lets_time_pass() {
        let mut clock = Clock::real().slowed_down(4.0);
        let ((), took) = clock.timed(|| busy(Duration::from_millis(10)));
        assert!(took >= 0.04 && clock.now() >= 0.04, "{took}");
        clock.wait_until(1e9);
        assert!(clock.now() < 1e6);
        clock.set(3600.0);
        assert!((3600.0..1e6).contains(&clock.now()));
    }

    #[cfg(unix)]
    #[test]
    fn processor_time_is_shared_out() {
        let mut clock = Clock::simulated(Meter::Processor { threads: 4 });
        let ((), took) = clock.timed(|| busy(Duration::from_millis(40)));
        // Other tests of this process may run beside this one.
        assert!(took > 0.0 && clock.computed() >= 3.9 * took);
    }
}
