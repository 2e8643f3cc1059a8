//! How often to compute, and what to leave out when computing falls behind.
//!
//! The cost of each step and the audio that waits enter; leaves: the length of the
//! next step and a [`Level`] of thrift. Computing is to take a certain share of the time, so
//! steps are as long as a step's cost over that share; audio that waits all the same raises the
//! level, calm lowers it again. Nothing here ever drops audio.

use serde::Serialize;
use std::fmt;

/// When to compute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaceOptions {
    /// Shortest step, seconds of new audio.
    pub min_step: f64,
    /// Share of the time that steps may take.
    pub share: f64,
    /// Audio that may wait before the level rises, seconds.
    pub max_lag: f64,
}

impl Default for PaceOptions {
    fn default() -> Self {
        Self { min_step: 0.4, share: 0.5, max_lag: 2.0 }
    }
}

/// What is left out so that computing keeps up; each level contains the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Nothing.
    #[default]
    Full,
    /// Every other step.
    LongSteps,
    /// Beams.
    Greedy,
    /// Everything before the speaker pauses.
    Utterances,
    /// Pauses too: half-minutes of speech are written down at once, which is the least work for it.
    Windows,
}

impl Level {
    const ALL: [Self; 5] = [Self::Full, Self::LongSteps, Self::Greedy, Self::Utterances, Self::Windows];

    /// What is being done, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::LongSteps => "long steps",
            Self::Greedy => "long steps, greedy",
            Self::Utterances => "whole utterances, greedy",
            Self::Windows => "half-minutes, greedy",
        }
    }

    fn next(self) -> Self {
        Self::ALL[(self as usize + 1).min(Self::ALL.len() - 1)]
    }

    fn previous(self) -> Self {
        Self::ALL[(self as usize).saturating_sub(1)]
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Weight of the latest cost in their running mean.
const NEWEST: f64 = 0.3;
/// Audio that may wait while all is well, seconds, beyond what one step leaves.
const CALM: f64 = 0.5;
/// The level falls after so much audio without lag, seconds.
const PATIENCE: f64 = 20.0;
/// The level does not rise again before so much audio has shown what the last rise has done, seconds.
const TRIAL: f64 = 2.0;

/// The pace of one session.
#[derive(Debug)]
pub struct Pace {
    options: PaceOptions,
    level: Level,
    cost: Option<f64>,
    /// Place in the stream, seconds, where the level was changed or lag was seen last.
    since: f64,
    changed: f64,
}

impl Pace {
    /// A pace that knows nothing yet.
    pub fn new(options: PaceOptions) -> Self {
        Self { options, level: Level::Full, cost: None, since: 0.0, changed: 0.0 }
    }

    /// What is left out now.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Mean cost of a step, seconds; `None` before the first.
    pub fn cost(&self) -> Option<f64> {
        self.cost
    }

    /// New audio after which to compute again, seconds; `None` where only a pause or a full window counts.
    pub fn step(&self) -> Option<f64> {
        let step = self.options.min_step.max(self.cost.unwrap_or(0.0) / self.options.share);
        match self.level {
            Level::Full => Some(step),
            Level::LongSteps | Level::Greedy => Some(2.0 * step),
            Level::Utterances | Level::Windows => None,
        }
    }

    /// A step has taken `cost` seconds.
    pub fn measured(&mut self, cost: f64) {
        let mean = self.cost.map_or(cost, |mean| mean + NEWEST * (cost - mean));
        self.cost = Some(mean);
    }

    /// At `place` of the stream (seconds), `waiting` seconds of audio wait to be heard. Returns the level if it changes.
    pub fn behind(&mut self, place: f64, waiting: f64) -> Option<Level> {
        let cost = self.cost.unwrap_or(0.0);
        if waiting > CALM + cost {
            self.since = place;
        }
        let before = self.level;
        if waiting > self.options.max_lag.max(2.0 * cost) && place - self.changed >= TRIAL {
            self.level = before.next();
        } else if place - self.since >= PATIENCE && place - self.changed >= PATIENCE {
            self.level = before.previous();
        }
        if self.level != before {
            self.changed = place;
            return Some(self.level);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_their_cost() {
        let mut pace = Pace::new(PaceOptions { min_step: 0.5, ..PaceOptions::default() });
        assert_eq!(pace.step(), Some(0.5));
        pace.measured(0.1);
        assert_eq!(pace.step(), Some(0.5), "not shorter than the shortest");
        for _ in 0..50 {
            pace.measured(1.0);
        }
        assert!((pace.step().unwrap() - 2.0).abs() < 1e-3);
    }

    #[test]
    fn audio_that_waits_raises_the_level_and_calm_lowers_it() {
        let mut pace = Pace::new(PaceOptions::default());
        pace.measured(0.4);
        let levels: Vec<Option<Level>> = (1..=12).map(|i| pace.behind(2.0 * f64::from(i), 5.0)).collect();
        let wanted = [Level::LongSteps, Level::Greedy, Level::Utterances, Level::Windows].map(Some);
        assert_eq!(levels[..4], wanted);
        assert!(levels[4..].iter().all(Option::is_none) && pace.step().is_none());
        let mut lowered = Vec::new();
        for second in 24..200 {
            lowered.extend(pace.behind(f64::from(second), 0.2));
        }
        assert_eq!(lowered, [Level::Utterances, Level::Greedy, Level::LongSteps, Level::Full]);
    }

    #[test]
    fn one_slow_step_is_no_lag() {
        let mut pace = Pace::new(PaceOptions::default());
        pace.measured(1.5);
        assert_eq!(pace.behind(10.0, 2.9), None, "less than two steps wait");
        assert_eq!(pace.behind(10.0, 3.1), Some(Level::LongSteps));
        assert_eq!(pace.behind(10.5, 9.0), None, "the rise has not had time");
    }
}
