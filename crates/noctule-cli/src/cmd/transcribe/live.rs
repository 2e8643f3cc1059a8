//! What a person sees while a file is transcribed: text lines on standard
//! output as they are decided, progress on standard error.

use super::clock::FileClock;
use super::colours;
use super::face::Face;
use super::journal::Journal;
use super::output;
use crate::cmd::progress::Progress;
use crate::failure::Failure;
use crate::plan::{Input, Plan, Stdout};
use crate::{interrupt, terminal};
use noctule::events::Events;
use noctule::{Checkpoint, Segment, Transcript};
use std::io::{self, Write};
use std::time::Instant;

/// Shorter recordings are done before a bar would tell anything, seconds.
pub const LONG: f64 = 60.0;

/// Receives the engine's events for one input.
pub struct Live<'a> {
    clock: &'a FileClock,
    lines: Option<Lines>,
    progress: Progress,
    journal: Option<Journal>,
    face: &'a mut dyn Face,
    /// How much is behind us, seconds.
    done: f64,
    /// When the first segment came.
    first: Option<Instant>,
    /// Why no more can be written.
    failed: Option<Failure>,
}

/// Text to standard output.
struct Lines {
    times: bool,
    /// Words coloured by their probability.
    colours: bool,
    /// An empty line must stand between this input's text and the one before.
    separate: bool,
}

impl<'a> Live<'a> {
    /// For `input`; `first` when no other input came before. `journal` gets every window.
    pub fn new(
        plan: &Plan,
        input: &Input,
        clock: &'a FileClock,
        first: bool,
        journal: Option<Journal>,
        face: &'a mut dyn Face,
    ) -> Self {
        let lines = match plan.stdout {
            Stdout::Lines { times } => Some(Lines { times, colours: plan.colours, separate: !first }),
            _ => None,
        };
        let progress = Progress::new(&input.name(), plan.quiet, LONG);
        Self { clock, lines, progress, journal, face, done: 0.0, first: None, failed: None }
    }

    /// Takes the progress line away. Returns how many seconds of the file are done, the journal, and when the first
    /// segment came.
    ///
    /// # Errors
    /// Why text could not be written.
    pub fn finish(self) -> Result<(f64, Option<Journal>, Option<Instant>), Failure> {
        self.progress.finish();
        let done = self.clock.time(self.done);
        self.failed.map_or(Ok((done, self.journal, self.first)), Err)
    }
}

impl Events for Live<'_> {
    fn segment(&mut self, segment: &Segment) {
        self.first.get_or_insert_with(Instant::now);
        let Some(lines) = self.lines.as_mut().filter(|_| self.failed.is_none()) else {
            return;
        };
        let mut placed = segment.clone();
        self.clock.place(&mut placed);
        let text = self.face.segment(&placed);
        self.failed = self.progress.above(|| text.map_or_else(|| lines.print(placed), |text| print(&text))).err();
    }

    fn language(&mut self, code: &'static str, probability: f32) {
        self.face.language(code, probability);
    }

    fn progress(&mut self, done: f64, total: f64) {
        self.face.progress(done, total);
        self.progress.update(done, total);
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint, segments: &[Segment]) {
        self.done = checkpoint.seconds();
        let Some(Err(error)) = self.journal.as_mut().map(|journal| journal.append(checkpoint, segments)) else {
            return;
        };
        let message = format!("the journal cannot be written: {error}; an interrupted run would start again");
        self.progress.above(|| terminal::warning(&message));
        self.journal = None;
    }

    fn cancelled(&mut self) -> bool {
        self.failed.is_some() || self.face.has_enough() || interrupt::requested()
    }
}

impl Lines {
    fn print(&mut self, segment: Segment) -> Result<(), Failure> {
        let times = self.times.then(|| format!("[{} --> {}]  ", hours(segment.start), hours(segment.end)));
        let coloured = self.colours.then(|| colours::line(&segment)).flatten();
        let transcript = Transcript { segments: vec![segment], ..Transcript::default() };
        let text = output::text_line(&transcript)?;
        if text.is_empty() {
            return Ok(());
        }
        let text = coloured.unwrap_or(text);
        let separator = if std::mem::take(&mut self.separate) { "\n" } else { "" };
        print(&format!("{separator}{}{text}", times.unwrap_or_default()))
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(output::stdout_failure)
}

/// `hh:mm:ss.mmm`.
pub fn hours(seconds: f64) -> String {
    let milliseconds = (seconds.max(0.0) * 1000.0).round() as u64;
    let (seconds, minutes, hours) = (milliseconds / 1000 % 60, milliseconds / 60_000 % 60, milliseconds / 3_600_000);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}", milliseconds % 1000)
}

#[cfg(test)]
mod tests {
    use super::hours;

    #[test]
    fn times_are_clock_times() {
        assert_eq!(hours(0.0), "00:00:00.000");
        assert_eq!(hours(7.5996), "00:00:07.600");
        assert_eq!(hours(3723.25), "01:02:03.250");
    }
}
