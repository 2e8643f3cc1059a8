//! What a person sees while measurements run, and Ctrl-C.

use crate::cmd::progress::Progress;
use crate::{interrupt, terminal};
use noctule_eval::journal::{Outcome, Unit};
use noctule_eval::plan::Cell;
use noctule_eval::run::Watcher;
use std::io;

/// Follows an evaluation on standard error.
#[derive(Debug)]
pub struct Follow {
    bar: Progress,
    quiet: bool,
    /// Whether there is a bar, and lines would be too much.
    moves: bool,
    /// The cell and the waiting that were told last.
    told: String,
}

impl Follow {
    /// Begins.
    pub fn new(quiet: bool) -> Self {
        let moves = terminal::can_move(&io::stderr());
        Self { bar: Progress::new("eval", quiet, 1.0), quiet, moves, told: String::new() }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.bar.finish();
    }

    fn tell(&mut self, line: String) {
        if self.told != line {
            self.bar.above(|| terminal::notice(self.quiet, &line));
            self.told = line;
        }
    }
}

/// A cell in a few words.
fn name(cell: &Cell) -> String {
    let settings = cell.settings.to_string();
    let settings = if settings.is_empty() { settings } else { format!(", {settings}") };
    format!("{} of {} by {}{settings}", cell.task.name(), cell.model, cell.engine)
}

impl Watcher for Follow {
    fn begins(&mut self, cell: &Cell, _unit: Unit, done: f64, total: f64) {
        self.bar.update(done, total);
        if !self.moves {
            self.tell(name(cell));
        }
    }

    fn ended(&mut self, cell: &Cell, outcome: &Outcome) {
        if outcome.status.has_figures() || self.quiet {
            return;
        }
        let message = format!("{}: {}: {}", name(cell), outcome.status.name(), outcome.detail);
        self.bar.above(|| terminal::warning(&message));
    }

    fn waits(&mut self, why: &str) {
        self.tell(why.to_owned());
    }

    fn stops(&self) -> bool {
        interrupt::requested()
    }
}
