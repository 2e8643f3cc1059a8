//! What became of each recording of a batch, and of all of them.

use super::outputs;
use crate::cmd::progress::clock;
use crate::plan::{Item, Plan};
use crate::terminal;
use noctule::Transcript;
use noctule::report::Timing;
use std::time::Instant;

/// Counts results and says them on standard error: a line for each recording of
/// several and one for all.
#[derive(Debug)]
pub struct Summary {
    /// Several recordings, and nobody who wants quiet.
    told: bool,
    /// Nobody wants notices.
    quiet: bool,
    started: Instant,
    /// Length of what was transcribed, seconds.
    audio: f64,
    done: usize,
    incomplete: usize,
    failed: usize,
    skipped: usize,
}

impl Summary {
    /// For the recordings of `plan`.
    pub fn new(plan: &Plan) -> Self {
        let several = plan.items.len() + plan.problems.len() > 1;
        Self {
            told: several && !plan.quiet,
            quiet: plan.quiet,
            started: Instant::now(),
            audio: 0.0,
            done: 0,
            incomplete: 0,
            failed: 0,
            skipped: 0,
        }
    }

    /// Whether `item` can be left out because all its files are there.
    pub fn skip(&mut self, plan: &Plan, item: &Item) -> bool {
        let skip = plan.skip_existing && outputs(plan, item).iter().all(|(path, _)| path.exists());
        if skip {
            self.skipped += 1;
            terminal::notice(self.quiet, &format!("{}: skipped, its files are there", item.input.name()));
        }
        skip
    }

    /// A recording is transcribed; not all of it when it is not `whole`.
    pub fn done(&mut self, item: &Item, transcript: &Transcript, timing: &Timing, whole: bool) {
        self.done += 1;
        self.incomplete += usize::from(!whole);
        self.audio += transcript.duration;
        if self.told {
            terminal::notice(false, &format!("{}: {}", item.input.name(), pace(transcript.duration, timing.total_s)));
        }
    }

    /// A recording failed, for this reason.
    pub fn failed(&mut self, message: &str) {
        self.failed += 1;
        terminal::error(message);
    }

    /// Says the total; returns whether nothing failed and nothing is missing.
    pub fn finish(self) -> bool {
        if self.told {
            terminal::notice(false, &self.total(self.started.elapsed().as_secs_f64()));
        }
        self.failed == 0 && self.incomplete == 0
    }

    fn total(&self, seconds: f64) -> String {
        let mut parts = vec![format!("{} done", self.done)];
        let others = [(self.incomplete, "of them incomplete"), (self.failed, "failed"), (self.skipped, "skipped")];
        parts.extend(others.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
        let all = self.done + self.failed + self.skipped;
        format!("{all} recordings: {}; {}", parts.join(", "), pace(self.audio, seconds))
    }
}

/// `12:30 of audio in 1:05 (11.5 times real time)`.
fn pace(audio: f64, seconds: f64) -> String {
    let speed =
        if audio > 0.0 { format!(" ({:.1} times real time)", audio / seconds.max(1e-3)) } else { String::new() };
    format!("{} of audio in {}{speed}", clock(audio), clock(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_leaves_out_what_did_not_happen() {
        let mut summary = Summary {
            told: true,
            quiet: false,
            started: Instant::now(),
            audio: 750.0,
            done: 3,
            incomplete: 0,
            failed: 0,
            skipped: 0,
        };
        assert_eq!(summary.total(65.0), "3 recordings: 3 done; 12:30 of audio in 1:05 (11.5 times real time)");
        (summary.incomplete, summary.failed, summary.skipped) = (1, 2, 4);
        assert!(summary.total(65.0).starts_with("9 recordings: 3 done, 1 of them incomplete, 2 failed, 4 skipped;"));
        assert_eq!(pace(0.0, 0.2), "0:00 of audio in 0:00");
    }
}
