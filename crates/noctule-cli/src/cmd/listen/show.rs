//! Events → lines, JSON or a live view on standard output.

use super::meeting::Advance;
use super::source::SharedLevel;
use super::view::View;
use crate::args::ListenArgs;
use crate::cmd::transcribe::{speaker_name, stdout_failure};
use crate::failure::Failure;
use crate::terminal;
use noctule::Segment;
use noctule_listen::event::Stats;
use noctule_listen::{Event, Stamped};
use std::io::{self, Write};
use std::sync::Arc;

/// Where events go.
pub struct Show {
    kind: Kind,
    quiet: bool,
    stats: Stats,
    failed: Option<Failure>,
}

enum Kind {
    Json,
    Lines,
    View(Box<View>),
}

impl Show {
    /// JSON where it is asked for, the view where there is a terminal, lines everywhere else.
    pub fn new(args: &ListenArgs) -> Self {
        let stdout = io::stdout();
        let kind = match () {
            () if args.json => Kind::Json,
            () if !args.quiet && terminal::can_move(&stdout) => {
                Kind::View(Box::new(View::new(terminal::has_colours(&stdout))))
            }
            () => Kind::Lines,
        };
        Self { kind, quiet: args.quiet, stats: Stats::default(), failed: None }
    }

    /// Shows this level from now on.
    pub fn watch(&mut self, level: SharedLevel) {
        if let Kind::View(view) = &mut self.kind {
            view.watch(level);
        }
    }

    /// Shows how far the other model is from now on.
    pub fn follow(&mut self, advance: Option<Arc<Advance>>) {
        if let (Kind::View(view), Some(advance)) = (&mut self.kind, advance) {
            view.follow(advance);
        }
    }

    /// Takes in an event.
    pub fn event(&mut self, stamped: Stamped) {
        if self.failed.is_some() {
            return;
        }
        self.remark(&stamped.event);
        if let Event::Stats(stats) = &stamped.event {
            self.stats = stats.clone();
        }
        let text = match &mut self.kind {
            Kind::Json => serde_json::to_string(&stamped).map(|line| line + "\n").map_err(Failure::work),
            Kind::Lines => Ok(match &stamped.event {
                Event::Segment(segment) => line(&segment.0),
                _ => String::new(),
            }),
            Kind::View(view) => Ok(view.event(stamped)),
        };
        let written = text.and_then(|text| write(&text));
        self.failed = written.err();
    }

    /// Says on standard error what harms the text, where the view does not.
    fn remark(&self, event: &Event) {
        if matches!(self.kind, Kind::View(_)) {
            return;
        }
        match event {
            Event::Lost { at, seconds } => {
                terminal::warning(&format!("{seconds:.1} s of sound were lost at {at:.1} s"));
            }
            Event::Lag { lag_s, level, .. } => {
                terminal::notice(self.quiet, &format!("computing is {lag_s:.1} s behind; now: {level}"));
            }
            Event::Language { language, probability } => {
                terminal::notice(self.quiet, &format!("language: {language} ({:.0} %)", 100.0 * probability));
            }
            _ => {}
        }
    }

    /// Keeps the view alive; whether there is nobody left to show anything to.
    pub fn tick(&mut self) -> bool {
        if let (Kind::View(view), None) = (&mut self.kind, &self.failed) {
            self.failed = write(&view.refresh()).err();
        }
        self.failed.is_some()
    }

    /// Takes the view away. Returns the last numbers.
    ///
    /// # Errors
    /// Why something could not be written.
    pub fn finish(mut self) -> Result<Stats, Failure> {
        if let (Kind::View(view), None) = (&mut self.kind, &self.failed) {
            self.failed = write(&view.finish()).err();
        }
        self.failed.map_or(Ok(self.stats), Err)
    }
}

/// A segment's text as a line, behind its speaker; nothing where there is none.
fn line(segment: &Segment) -> String {
    let text = terminal::harmless(segment.text.trim());
    if text.is_empty() { text } else { format!("{}{text}\n", speaker_name(segment.speaker)) }
}

fn write(text: &str) -> Result<(), Failure> {
    if text.is_empty() {
        return Ok(());
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(stdout_failure)
}
