//! Timing runs → medians with intervals; memory; energy; drift.

use super::Evidence;
use crate::board::{EnergySource, Strip};
use crate::engine::Phases;
use crate::journal::{Outcome, Unit};
use crate::plan::{Cell, Task};
use crate::run::{Status, repeats};
use crate::statistics::{Bootstrap, Interval, median, median_interval};
use serde::{Deserialize, Serialize};

/// How long it takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Wall-clock seconds for all clips together: median, with an interval.
    pub wall_s: Interval,
    /// Seconds for each second of audio.
    pub real_time_factor: Interval,
    /// Repetitions behind that.
    pub repeats: usize,
    /// Whether the interval is as narrow as was asked for.
    pub is_known: bool,
    /// Each recording.
    pub clips: Vec<Clip>,
    /// Medians of what the engine tells of itself, of all clips together.
    pub phases: Phases,
    /// Processor seconds in the program and in the kernel, of all clips together.
    pub processor_s: [f64; 2],
    /// The first run, with the model on the disk.
    pub cold: Option<Cold>,
    /// Clock, MHz: lowest, mean, highest.
    pub mhz: Option<[f64; 3]>,
    /// Temperature, °C: at the start of the first run, highest, at the end of the last.
    pub celsius: Option<[f64; 3]>,
    /// Bits of throttling in the runs that count.
    pub throttled: u32,
    /// Share of the runs' time in which something else wanted the processors, where the kernel tells.
    pub disturbance: Option<f64>,
    /// Clock and heat of the longest run.
    pub strip: Strip,
}

/// One recording, measured again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clip {
    /// Its name.
    pub utterance: String,
    /// Its length, seconds.
    pub seconds: f64,
    /// Wall-clock seconds of each run.
    pub walls_s: Vec<f64>,
    /// Their median, with an interval.
    pub wall_s: Interval,
    /// Until the first text, seconds.
    pub first_text_s: Option<f64>,
}

/// A run that found its model on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cold {
    /// Wall-clock seconds of the first clip.
    pub wall_s: f64,
    /// Of these, opening the model.
    pub load_s: Option<f64>,
    /// Bytes that came from the disk: few, and the kernel had kept the model all the same.
    pub read_bytes: Option<u64>,
}

/// What it takes of the memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MemoryUse {
    /// Largest peak of all runs: resident memory, pages of the model's file included.
    pub peak_bytes: u64,
    /// Proportional set size at its largest: all, anonymous, pages of files.
    pub pss_bytes: Option<[u64; 3]>,
    /// Largest amount of swap.
    pub swap_bytes: u64,
    /// Page faults that needed a disk, of the runs that count, in the mean.
    pub major_faults: f64,
    /// Least memory that the system had left.
    pub least_available_bytes: Option<u64>,
    /// What was expected before.
    pub expected_bytes: u64,
}

/// What it takes of the supply.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EnergyUse {
    /// What it was read from.
    pub source: EnergySource,
    /// Joules for each second of audio: median, with an interval.
    pub joules_per_second: Interval,
    /// The same above what the machine takes at rest.
    pub above_idle: Option<f64>,
}

/// Figures of a timing cell; `None` before there are two repetitions.
pub(super) fn times(evidence: &Evidence, cell: &Cell, clips: &[usize]) -> Option<Times> {
    let outcomes = evidence.done.of(&cell.id);
    let rounds = repeats(outcomes, clips.len() as u32);
    let bootstrap = evidence.bootstrap();
    let sums = |of: &dyn Fn(&Outcome) -> f64| -> Vec<f64> {
        rounds.iter().map(|(_, row)| row.iter().map(|outcome| of(outcome)).sum()).collect()
    };
    let walls = sums(&|outcome| outcome.usage.wall_s);
    let wall_s = interval(&walls, &bootstrap)?;
    let audio: f64 = clips.iter().map(|index| evidence.plan.corpus.utterances[*index].duration_s).sum();
    let scaled = |interval: Interval| Interval {
        estimate: interval.estimate / audio,
        low: interval.low / audio,
        high: interval.high / audio,
        level: interval.level,
    };
    let counted: Vec<&Outcome> = rounds.iter().flat_map(|(_, row)| row.iter().copied()).collect();
    let middle = |values: Vec<f64>| median(&values).unwrap_or(0.0);
    let waited: f64 = counted.iter().filter_map(|o| Some(o.board.pressure?.cpu_s)).sum();
    let known = counted.iter().any(|outcome| outcome.board.pressure.is_some());
    Some(Times {
        real_time_factor: scaled(wall_s),
        repeats: walls.len(),
        is_known: walls.len() >= evidence.evaluation.grid.rules.repeats as usize
            && wall_s.relative_half_width().is_some_and(|width| width <= evidence.evaluation.grid.rules.half_width),
        wall_s,
        clips: clips.iter().enumerate().map(|(n, index)| clip(evidence, &rounds, n, *index, &bootstrap)).collect(),
        phases: phases(&rounds),
        processor_s: [middle(sums(&|o| o.usage.user_s)), middle(sums(&|o| o.usage.system_s))],
        cold: cold(outcomes),
        mhz: range(counted.iter().filter_map(|outcome| outcome.board.mhz)),
        celsius: heat(&counted),
        throttled: counted.iter().fold(0, |bits, outcome| bits | outcome.board.throttled),
        disturbance: known.then(|| waited / counted.iter().map(|o| o.usage.wall_s).sum::<f64>().max(1e-9)),
        strip: counted
            .iter()
            .max_by(|a, b| a.usage.wall_s.total_cmp(&b.usage.wall_s))
            .map(|outcome| outcome.board.strip.clone())
            .unwrap_or_default(),
    })
}

/// The median with an interval; of a single value the interval is the value, and says so by its level.
fn interval(values: &[f64], bootstrap: &Bootstrap) -> Option<Interval> {
    let estimate = median(values)?;
    let single = Interval { estimate, low: estimate, high: estimate, level: 0.0 };
    Some(median_interval(values, bootstrap).unwrap_or(single))
}

type Rounds<'a> = Vec<(u32, Vec<&'a Outcome>)>;

fn clip(evidence: &Evidence, rounds: &Rounds, number: usize, index: usize, bootstrap: &Bootstrap) -> Clip {
    let utterance = &evidence.plan.corpus.utterances[index];
    let runs: Vec<&Outcome> = rounds.iter().filter_map(|(_, row)| row.get(number).copied()).collect();
    let walls_s: Vec<f64> = runs.iter().map(|outcome| outcome.usage.wall_s).collect();
    let first: Vec<f64> = runs.iter().filter_map(|outcome| outcome.phases.first_text_s).collect();
    let none = Interval { estimate: 0.0, low: 0.0, high: 0.0, level: 0.0 };
    Clip {
        utterance: utterance.id.clone(),
        seconds: utterance.duration_s,
        wall_s: interval(&walls_s, bootstrap).unwrap_or(none),
        walls_s,
        first_text_s: median(&first),
    }
}

/// Medians over the repetitions of the sums over the clips.
fn phases(rounds: &Rounds) -> Phases {
    let of = |get: fn(&Phases) -> Option<f64>| {
        let sums: Option<Vec<f64>> =
            rounds.iter().map(|(_, row)| row.iter().map(|outcome| get(&outcome.phases)).sum::<Option<f64>>()).collect();
        median(&sums?)
    };
    Phases {
        load_s: of(|p| p.load_s),
        audio_s: of(|p| p.audio_s),
        mel_s: of(|p| p.mel_s),
        encode_s: of(|p| p.encode_s),
        prompt_s: of(|p| p.prompt_s),
        decode_s: of(|p| p.decode_s),
        total_s: of(|p| p.total_s),
        first_text_s: None,
        windows: of(|p| p.windows),
        tokens: of(|p| p.tokens),
        steps: of(|p| p.steps),
        fallbacks: of(|p| p.fallbacks),
        peak_rss_bytes: None,
    }
}

fn cold(outcomes: &[Outcome]) -> Option<Cold> {
    let first = outcomes.iter().find(|o| o.unit == Unit::Run(0, 0) && o.status.has_figures())?;
    let usage = &first.usage;
    Some(Cold { wall_s: usage.wall_s, load_s: first.phases.load_s, read_bytes: usage.read_bytes })
}

fn range(triples: impl Iterator<Item = [f64; 3]>) -> Option<[f64; 3]> {
    let all: Vec<[f64; 3]> = triples.collect();
    let mean = all.iter().map(|triple| triple[1]).sum::<f64>() / all.len().max(1) as f64;
    let (low, high) = all.iter().fold((f64::INFINITY, 0.0f64), |(low, high), t| (low.min(t[0]), high.max(t[2])));
    (!all.is_empty()).then_some([low, mean, high])
}

fn heat(counted: &[&Outcome]) -> Option<[f64; 3]> {
    let all: Vec<[f64; 3]> = counted.iter().filter_map(|outcome| outcome.board.celsius).collect();
    let high = all.iter().map(|triple| triple[1]).fold(f64::NEG_INFINITY, f64::max);
    Some([all.first()?[0], high, all.last()?[2]])
}

/// Memory over all runs of the cells.
pub(super) fn memory<'a>(evidence: &'a Evidence, cells: impl Iterator<Item = &'a Cell>) -> Option<MemoryUse> {
    let mut found = MemoryUse::default();
    let (mut faults, mut runs) = (0u64, 0u32);
    for cell in cells {
        found.expected_bytes = found.expected_bytes.max(cell.expected_bytes);
        for outcome in evidence.done.of(&cell.id).iter().filter(|outcome| outcome.usage.max_rss_bytes > 0) {
            let usage = &outcome.usage;
            found.peak_bytes = found.peak_bytes.max(usage.peak_bytes());
            found.swap_bytes = found.swap_bytes.max(usage.swap_bytes);
            if usage.pss_bytes.map_or(0, |pss| pss[0]) > found.pss_bytes.map_or(0, |pss| pss[0]) {
                found.pss_bytes = usage.pss_bytes;
            }
            let least = outcome.board.available_bytes.map(|bytes| bytes[1]);
            found.least_available_bytes = match (found.least_available_bytes, least) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            if !matches!(outcome.unit, Unit::Run(0, _)) {
                (faults, runs) = (faults + usage.major_faults, runs + 1);
            }
        }
    }
    found.major_faults = faults as f64 / f64::from(runs.max(1));
    (found.peak_bytes > 0).then_some(found)
}

/// Energy of the repetitions of a timing cell.
pub(super) fn energy(evidence: &Evidence, cell: &Cell, clips: &[usize]) -> Option<EnergyUse> {
    let rounds = repeats(evidence.done.of(&cell.id), clips.len() as u32);
    let audio: f64 = clips.iter().map(|index| evidence.plan.corpus.utterances[*index].duration_s).sum();
    let idle_w = evidence.sessions.iter().find_map(|session| session.idle_w);
    let (mut gross, mut above, mut source) = (Vec::new(), Vec::new(), None);
    for (_, row) in &rounds {
        let energies: Option<Vec<_>> = row.iter().map(|outcome| outcome.board.energy).collect();
        let Some(energies) = energies else { continue };
        source = energies.first().map(|energy| energy.source);
        let joules: f64 = energies.iter().map(|energy| energy.joules).sum();
        let seconds: f64 = energies.iter().map(|energy| energy.seconds).sum();
        gross.push(joules / audio);
        above.extend(idle_w.map(|watts| (joules - watts * seconds) / audio));
    }
    let joules_per_second = interval(&gross, &evidence.bootstrap())?;
    Some(EnergyUse { source: source?, joules_per_second, above_idle: median(&above) })
}

/// How much the sentinel changed from its fastest to its slowest run.
pub(super) fn drift(evidence: &Evidence) -> Option<f64> {
    let timing = evidence.plan.cells.iter().filter(|cell| cell.task == Task::Timing);
    let walls = timing.flat_map(|cell| evidence.done.of(&cell.id)).filter_map(|outcome| {
        let counts = matches!(outcome.unit, Unit::Sentinel(_)) && outcome.status == Status::Ok;
        counts.then_some(outcome.usage.wall_s)
    });
    let walls: Vec<f64> = walls.collect();
    let (low, high) = walls.iter().fold((f64::INFINITY, 0.0f64), |(low, high), wall| (low.min(*wall), high.max(*wall)));
    (walls.len() > 1).then(|| high / low - 1.0)
}
