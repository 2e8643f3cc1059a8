//! How far a piece of work is, on standard error: a bar with the time left.

use crate::terminal;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io;
use std::time::{Duration, Instant};

/// Terminals narrower than this get no bar, only numbers, columns.
const NARROW: u16 = 60;

/// A bar at the bottom of the terminal; nothing anywhere else.
#[derive(Debug)]
pub struct Progress {
    name: String,
    wanted: bool,
    /// Less work than this is done before a bar would tell anything.
    least: f64,
    bar: Option<ProgressBar>,
    /// When the work began, and how much was done by then.
    started: (Instant, f64),
}

impl Progress {
    /// For what has this name; totals below `least` get no bar.
    pub fn new(name: &str, quiet: bool, least: f64) -> Self {
        let wanted = !quiet && terminal::can_move(&io::stderr());
        Self { name: terminal::harmless(name), wanted, least, bar: None, started: (Instant::now(), 0.0) }
    }

    /// `done` of `total` is done, in any unit.
    pub fn update(&mut self, done: f64, total: f64) {
        self.show(done, total, left);
    }

    /// `done` of `total` seconds of audio are read in the pass before the transcription.
    pub fn survey(&mut self, done: f64, total: f64) {
        self.show(done, total, |_, _, _| "first pass".into());
    }

    /// `message` is given the time since the beginning, and what was done of what was to do then.
    fn show(&mut self, done: f64, total: f64, message: impl Fn(Duration, f64, f64) -> String) {
        if !self.wanted || total < self.least {
            return;
        }
        let (name, started) = (&self.name, &mut self.started);
        let bar = self.bar.get_or_insert_with(|| {
            *started = (Instant::now(), done);
            start(name, total)
        });
        let (since, before) = self.started;
        bar.set_message(message(since.elapsed(), done - before, total - before));
        bar.set_position(thousandths(done));
        bar.tick();
    }

    /// Writes something else to the terminal, above the bar.
    pub fn above<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn start(name: &str, total: f64) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(4);
    let bar = ProgressBar::with_draw_target(Some(thousandths(total)), target);
    let (_, columns) = console::Term::stderr().size();
    let template = if columns < NARROW { THIN } else { WIDE };
    // The templates are constants, and a test reads them.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(shortened(name, usize::from(columns) / 3));
    bar
}

/// For wide and for narrow terminals.
const WIDE: &str = "{prefix} [{wide_bar}] {percent:>3} %  {msg}";
const THIN: &str = "{percent:>3} %  {msg}";

/// What the work so far says about the rest; nothing before any of it is done.
fn left(elapsed: Duration, done: f64, total: f64) -> String {
    if done <= 0.0 {
        return "estimating".into();
    }
    let seconds = elapsed.as_secs_f64() / done * (total - done).max(0.0);
    format!("{} left", clock(seconds))
}

/// `m:ss`, with hours `h:mm:ss`.
pub fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// The end of a path, which tells most, in at most `most` characters.
fn shortened(name: &str, most: usize) -> String {
    let length = name.chars().count();
    if length <= most {
        return name.to_owned();
    }
    let kept: String = name.chars().skip(length - most.saturating_sub(1)).collect();
    format!("…{kept}")
}

fn thousandths(amount: f64) -> u64 {
    (amount * 1000.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_can_be_read() {
        for template in [WIDE, THIN] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn time_left_is_what_the_pace_says() {
        assert_eq!(left(Duration::from_secs(10), 0.0, 600.0), "estimating");
        assert_eq!(left(Duration::from_secs(10), 60.0, 600.0), "1:30 left");
        assert_eq!(left(Duration::from_secs(100), 60.0, 6000.0), "2:45:00 left");
        assert_eq!(left(Duration::from_secs(10), 600.0, 600.0), "0:00 left");
    }

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(shortened("talk.wav", 20), "talk.wav");
        assert_eq!(shortened("a/long/way/talk.wav", 9), "…talk.wav");
    }
}
