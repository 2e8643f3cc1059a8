//! What an hour would take.
//!
//! time = load + windows · (spectrogram + encoder) + tokens · step. Engines that tell where their time goes give the three
//! figures directly; of others they are fitted to the whole times ([`CostModel`]), if the clips differ enough.

use super::Evidence;
use crate::journal::Outcome;
use crate::plan::Cell;
use crate::run::repeats;
use crate::statistics::{CostModel, Interval, Run, median, median_interval};
use serde::{Deserialize, Serialize};

/// An hour, seconds.
pub const HOUR_S: f64 = 3600.0;
/// Whisper moves on less than a window where speech does not end with it: an hour was read in 131 windows (docs/LONG.md).
const WINDOWS_AN_HOUR: f64 = 131.0;
/// A clip of this length shows how many windows speech takes, seconds.
const LONG_CLIP_S: f64 = 45.0;

/// A cost model and what it foretells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Starting and loading, seconds.
    pub load_s: f64,
    /// A window of 30 s: spectrogram and encoder, seconds.
    pub window_s: f64,
    /// A token, or a decoder's pass where the engine tells no tokens, seconds.
    pub token_s: f64,
    /// Windows and tokens of an hour of the speech that was measured.
    pub hour: [f64; 2],
    /// Seconds for an hour of speech: median, with an interval over the repetitions.
    pub hour_s: Interval,
    /// What the model leaves unexplained of the measured times, as a share: the largest of all clips.
    pub residual: f64,
    /// Whether the engine's own phases are behind it, and not a fit to whole times.
    pub by_phases: bool,
}

/// The cost model of a timing cell; `None` where the measurements do not determine one.
pub(super) fn cost(evidence: &Evidence, cell: &Cell, clips: &[usize]) -> Option<Cost> {
    let rounds = repeats(evidence.done.of(&cell.id), clips.len() as u32);
    let lengths: Vec<f64> = clips.iter().map(|index| evidence.plan.corpus.utterances[*index].duration_s).collect();
    by_phases(evidence, &rounds, &lengths).or_else(|| by_fit(&rounds, &lengths))
}

type Rounds<'a> = Vec<(u32, Vec<&'a Outcome>)>;

/// Windows and tokens of a run, as the engine tells them.
fn work(outcome: &Outcome) -> Option<(f64, f64)> {
    Some((outcome.phases.windows?, outcome.phases.tokens.or(outcome.phases.steps)?))
}

/// Windows and tokens of an hour of such speech, by the longest clip.
fn hour(row: &[&Outcome], lengths: &[f64]) -> Option<[f64; 2]> {
    let longest = (0..lengths.len()).max_by(|a, b| lengths[*a].total_cmp(&lengths[*b]))?;
    let (windows, tokens) = work(row.get(longest)?)?;
    let seconds = lengths[longest];
    let measured = windows / seconds * HOUR_S;
    let windows =
        if seconds >= LONG_CLIP_S { measured.clamp(HOUR_S / 30.0, 2.0 * WINDOWS_AN_HOUR) } else { WINDOWS_AN_HOUR };
    Some([windows, tokens / seconds * HOUR_S])
}

/// Load, window and token of one repetition.
fn parts(row: &[&Outcome]) -> Option<[f64; 3]> {
    let sum = |of: &dyn Fn(&Outcome) -> Option<f64>| row.iter().map(|outcome| of(outcome)).sum::<Option<f64>>();
    let (windows, tokens) = (sum(&|o| Some(work(o)?.0))?, sum(&|o| Some(work(o)?.1))?);
    let encode = sum(&|o| Some(o.phases.encode_s? + o.phases.mel_s.unwrap_or(0.0)))?;
    let decode = sum(&|o| o.phases.decode_s)?;
    // Whatever is neither the encoder's nor the decoder's is there once a process.
    let rest =
        sum(&|o| Some(o.usage.wall_s - o.phases.encode_s? - o.phases.mel_s.unwrap_or(0.0) - o.phases.decode_s?))?;
    Some([rest.max(0.0) / row.len() as f64, encode / windows.max(1.0), decode / tokens.max(1.0)])
}

fn by_phases(evidence: &Evidence, rounds: &Rounds, lengths: &[f64]) -> Option<Cost> {
    let all: Option<Vec<[f64; 3]>> = rounds.iter().map(|(_, row)| parts(row)).collect();
    let all = all.filter(|all| !all.is_empty())?;
    let hour = hour(&rounds.first()?.1, lengths)?;
    let foretold: Vec<f64> =
        all.iter().map(|[load, window, token]| load + window * hour[0] + token * hour[1]).collect();
    let middle = |i: usize| median(&all.iter().map(|parts| parts[i]).collect::<Vec<_>>()).unwrap_or(0.0);
    let [load_s, window_s, token_s] = [middle(0), middle(1), middle(2)];
    let estimate = median(&foretold)?;
    let single = Interval { estimate, low: estimate, high: estimate, level: 0.0 };
    let residuals = rounds.iter().flat_map(|(_, row)| row.iter()).filter_map(|outcome| {
        let (windows, tokens) = work(outcome)?;
        let expected = load_s + windows * window_s + tokens * token_s;
        Some((outcome.usage.wall_s / expected - 1.0).abs())
    });
    Some(Cost {
        load_s,
        window_s,
        token_s,
        hour,
        hour_s: median_interval(&foretold, &evidence.bootstrap()).unwrap_or(single),
        residual: residuals.fold(0.0, f64::max),
        by_phases: true,
    })
}

fn by_fit(rounds: &Rounds, lengths: &[f64]) -> Option<Cost> {
    let runs = rounds.iter().flat_map(|(_, row)| row.iter().zip(lengths)).map(|(outcome, length)| {
        let words = outcome.texts.iter().filter_map(|text| text.text.as_ref()).map(|t| t.split_whitespace().count());
        let (windows, tokens) = work(outcome).unwrap_or(((length / 30.0).ceil(), words.sum::<usize>() as f64));
        Run { windows, tokens, seconds: outcome.usage.wall_s }
    });
    let runs: Vec<Run> = runs.collect();
    let model = CostModel::fit(&runs).ok()?;
    let longest = (0..lengths.len()).max_by(|a, b| lengths[*a].total_cmp(&lengths[*b]))?;
    let tokens = runs.get(longest)?.tokens / lengths[longest] * HOUR_S;
    let foretold = model.predict(WINDOWS_AN_HOUR, tokens);
    let margin = 1.96 * foretold.standard_error;
    Some(Cost {
        load_s: model.load(),
        window_s: model.encode(),
        token_s: model.step(),
        hour: [WINDOWS_AN_HOUR, tokens],
        hour_s: Interval {
            estimate: foretold.seconds,
            low: (foretold.seconds - margin).max(0.0),
            high: foretold.seconds + margin,
            level: 0.95,
        },
        residual: model.relative_residuals().iter().fold(0.0, |most, residual| residual.abs().max(most)),
        by_phases: false,
    })
}
