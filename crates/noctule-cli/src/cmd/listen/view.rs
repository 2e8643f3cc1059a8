//! The bottom of the terminal while somebody speaks: the open sentence, and how everything does.
//!
//! Events enter, text with control sequences leaves: it takes away what was drawn before, writes complete segments, which scroll up and
//! stay, and draws the rest again.

use super::meeting::Advance;
use super::source::SharedLevel;
use crate::cmd::progress::clock;
use crate::cmd::transcribe::{hours, speaker_name};
use crate::terminal::harmless;
use console::{Term, measure_text_width};
use noctule_audio::mic::Level;
use noctule_listen::event::Stats;
use noctule_listen::pace;
use noctule_listen::{Event, Stamped};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// Lines of the open sentence at most; its beginning is left out.
const LINES: usize = 3;
/// Fewer columns than these beside the times are no room for a paragraph.
const NARROW: usize = 24;
/// Columns of the level meter.
const METER: usize = 12;
/// The view is drawn again after this, when nothing happens.
const REFRESH: Duration = Duration::from_millis(250);

/// What is shown.
pub struct View {
    colours: bool,
    level: Option<SharedLevel>,
    advance: Option<Arc<Advance>>,
    /// Words that stand and whose segment is not complete.
    open: String,
    tentative: String,
    speaking: bool,
    /// Where computing stands: `None` while nothing was said about it.
    stats: Option<Stats>,
    lag: f64,
    thrift: pace::Level,
    /// Seconds on the session's clock at the last event, and when that was.
    time: (f64, Instant),
    /// Lines that are drawn.
    drawn: usize,
    last: Instant,
}

impl View {
    /// An empty view; `colours` allows dimming.
    pub fn new(colours: bool) -> Self {
        let now = Instant::now();
        Self {
            colours,
            level: None,
            advance: None,
            open: String::new(),
            tentative: String::new(),
            speaking: false,
            stats: None,
            lag: 0.0,
            thrift: pace::Level::Full,
            time: (0.0, now),
            drawn: 0,
            last: now,
        }
    }

    /// Shows this level from now on.
    pub fn watch(&mut self, level: SharedLevel) {
        self.level = Some(level);
        self.time = (0.0, Instant::now());
    }

    /// Shows how far the other model is from now on.
    pub fn follow(&mut self, advance: Arc<Advance>) {
        self.advance = Some(advance);
    }

    /// What to write for an event.
    pub fn event(&mut self, stamped: Stamped) -> String {
        self.time = (stamped.time_s, Instant::now());
        let mut above = String::new();
        match stamped.event {
            Event::SpeechStart { .. } => self.speaking = true,
            Event::SpeechEnd { .. } => self.speaking = false,
            Event::Commit { text, .. } => {
                self.open.push_str(&text);
                self.tentative.clear();
            }
            Event::Partial { text, .. } => self.tentative = text,
            Event::Segment(segment) => {
                let segment = segment.0;
                let behind = self.open.strip_prefix(&segment.text).map(str::to_owned);
                self.open = behind.unwrap_or_default();
                let times = format!("[{} --> {}]", hours(segment.start), hours(segment.end));
                let text = speaker_name(segment.speaker).to_owned() + &segment.text;
                above = self.paragraph(&times, &text, width());
            }
            Event::Language { language, probability } => {
                above = format!("language: {language} ({:.0} %)\n", 100.0 * probability);
            }
            Event::Lag { lag_s, level, .. } => (self.lag, self.thrift) = (lag_s, level),
            Event::Lost { at, seconds } => above = format!("({seconds:.1} s of sound were lost at {})\n", hours(at)),
            Event::Stats(stats) => {
                (self.lag, self.thrift) = (stats.lag_s, stats.level);
                self.stats = Some(stats);
            }
            _ => {}
        }
        self.draw(&above)
    }

    /// What to write now and then, when nothing happens.
    pub fn refresh(&mut self) -> String {
        if self.level.is_none() || self.last.elapsed() < REFRESH { String::new() } else { self.draw("") }
    }

    /// What to write in the end.
    pub fn finish(&mut self) -> String {
        self.clear()
    }

    fn clear(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            lines => format!("\r\x1b[{lines}A\x1b[J"),
        }
    }

    fn draw(&mut self, above: &str) -> String {
        self.last = Instant::now();
        let width = width();
        let mut text = self.clear() + above;
        let mut lines = self.sentence(width);
        lines.push(fit(&self.status(), width));
        for line in &lines {
            text.push_str(line);
            text.push('\n');
        }
        self.drawn = lines.len();
        text
    }

    /// A complete segment behind its times, in lines of `width` columns that begin below each other.
    fn paragraph(&self, times: &str, text: &str, width: usize) -> String {
        let indent = measure_text_width(times) + 2;
        let room = width.saturating_sub(indent);
        // A narrow terminal breaks the line itself.
        let room = if room < NARROW { usize::MAX } else { room };
        let times = if self.colours { format!("\x1b[2m{times}\x1b[0m") } else { times.to_owned() };
        let lines: Vec<String> = wrap(words(text, false), room).iter().map(|line| join(line)).collect();
        format!("{times}  {}\n", lines.join(&format!("\n{}", " ".repeat(indent))))
    }

    /// The end of the open sentence, in lines of `width` columns.
    fn sentence(&self, width: usize) -> Vec<String> {
        let all = [words(&self.open, false), words(&self.tentative, true)].concat();
        let lines = wrap(all, width);
        let first = lines.len().saturating_sub(LINES);
        lines[first..].iter().map(|line| self.styled(line)).collect()
    }

    /// Words of a line, the tentative ones dimmed, or behind a dash where that is not wanted.
    fn styled(&self, line: &[Shown]) -> String {
        let standing = line.iter().take_while(|(_, dim)| !dim).count();
        let (stands, may_change) = (join(&line[..standing]), join(&line[standing..]));
        let between = if stands.is_empty() || may_change.is_empty() { "" } else { " " };
        match (may_change.is_empty(), self.colours) {
            (true, _) => stands,
            (false, true) => format!("{stands}{between}\x1b[2m{may_change}\x1b[0m"),
            (false, false) => format!("{stands}{between}{may_change}"),
        }
    }

    fn status(&self) -> String {
        let elapsed = self.time.0 + if self.level.is_some() { self.time.1.elapsed().as_secs_f64() } else { 0.0 };
        let mut parts = Vec::new();
        if let Some(level) = &self.level {
            let level = level.lock().unwrap_or_else(PoisonError::into_inner).clone();
            parts.push(meter(&level));
        }
        parts.push(format!("{}  {}", clock(elapsed), if self.speaking { "speech " } else { "silence" }));
        if let Some(stats) = &self.stats {
            if stats.words > 0 {
                parts.push(format!("latency {:.1} s", stats.latency_s));
            }
            if stats.audio_s > 0.0 {
                parts.push(format!("computing {:.2} s/s", stats.computed_s / stats.audio_s));
            }
        }
        if self.lag >= 1.0 || self.thrift > pace::Level::Full {
            parts.push(format!("{:.1} s behind ({})", self.lag, self.thrift));
        }
        if let Some(advance) = &self.advance {
            let left = advance.left_s(elapsed).map(|left| format!(", {} left", clock(left))).unwrap_or_default();
            parts.push(format!("refined {}{left}", clock(advance.done_s())));
        }
        parts.extend(temperature().map(|degrees| format!("{degrees:.0} °C")));
        parts.join("  ")
    }
}

/// Columns of the terminal that are written in.
fn width() -> usize {
    usize::from(Term::stdout().size().1).max(20) - 1
}

/// A word, and whether it is tentative.
type Shown = (String, bool);

fn words(text: &str, tentative: bool) -> Vec<Shown> {
    harmless(text).split_whitespace().map(|word| (word.to_owned(), tentative)).collect()
}

/// Lines of at most `width` columns; a longer word is cut.
fn wrap(words: Vec<Shown>, width: usize) -> Vec<Vec<Shown>> {
    let (mut lines, mut column) = (Vec::<Vec<Shown>>::new(), 0);
    for (word, tentative) in words {
        let word = fit(&word, width);
        let length = measure_text_width(&word);
        match lines.last_mut() {
            Some(line) if column + 1 + length <= width => {
                column += 1 + length;
                line.push((word, tentative));
            }
            _ => {
                column = length;
                lines.push(vec![(word, tentative)]);
            }
        }
    }
    lines
}

fn join(line: &[Shown]) -> String {
    line.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(" ")
}

/// A bar and a number.
fn meter(level: &Level) -> String {
    let columns = |decibels| (Level::part(decibels) * METER as f32).round() as usize;
    let (now, peak) = (columns(level.rms()), columns(level.peak()));
    let bar: String = (0..METER)
        .map(|column| match column {
            column if column < now => '█',
            column if column + 1 == peak => '▏',
            _ => '·',
        })
        .collect();
    format!("{bar} {:>3.0} dB", level.peak())
}

/// Of the processor, where Linux tells.
fn temperature() -> Option<f32> {
    let text = std::fs::read_to_string("/sys/class/thermal/thermal_zone0/temp").ok()?;
    Some(text.trim().parse::<f32>().ok()? / 1000.0)
}

/// `text` cut to `width` columns.
fn fit(text: &str, width: usize) -> String {
    console::truncate_str(text, width, "…").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use noctule_listen::event::Word;

    fn tell(view: &mut View, event: Event) -> String {
        view.event(Stamped { time_s: 1.0, event })
    }

    fn commit(text: &str) -> Event {
        Event::Commit { text: text.into(), words: Vec::<Word>::new() }
    }

    #[test]
    fn what_is_drawn_is_taken_away_before_it_is_drawn_again() {
        let mut view = View::new(true);
        let first = tell(&mut view, Event::Partial { text: " hello wor".into(), heard: 1.0 });
        assert!(!first.contains("\x1b[J") && first.contains("\x1b[2mhello wor\x1b[0m"), "{first:?}");
        assert_eq!(first.matches('\n').count(), 2);
        let second = tell(&mut view, commit(" hello"));
        assert!(second.starts_with("\r\x1b[2A\x1b[J"), "{second:?}");
        assert!(view.finish().ends_with("\x1b[J") && view.finish().is_empty());
    }

    #[test]
    fn complete_segments_leave_the_open_sentence() {
        let mut view = View::new(false);
        tell(&mut view, commit(" One is done. Two"));
        let mut segment = noctule::Segment {
            id: 0,
            start: 0.5,
            end: 1.25,
            text: " One is done.".into(),
            tokens: Vec::new(),
            avg_logprob: 0.0,
            no_speech_prob: 0.0,
            compression_ratio: 1.0,
            temperature: 0.0,
            words: Vec::new(),
            speaker: None,
            speaker_turn_next: false,
            doubt: None,
        };
        let text = tell(&mut view, Event::Segment(noctule_listen::event::SegmentEvent(segment.clone())));
        assert!(text.contains("[00:00:00.500 --> 00:00:01.250]  One is done.\nTwo\n"), "{text:?}");
        segment.speaker = Some(noctule::transcript::Speaker::Right);
        let text = tell(&mut view, Event::Segment(noctule_listen::event::SegmentEvent(segment)));
        assert!(text.contains("]  (speaker 1) One is done.\n"), "{text:?}");
    }

    #[test]
    fn paragraphs_break_between_words() {
        let plain = View::new(false).paragraph("[times]", &" word".repeat(60), 60);
        let lines: Vec<&str> = plain.lines().collect();
        assert!(lines.len() == 6 && lines[0].starts_with("[times]  word"), "{plain}");
        assert!(lines.iter().all(|line| measure_text_width(line) <= 60 && !line.ends_with(' ')), "{plain}");
        assert!(lines[1..].iter().all(|line| line.starts_with("         word")), "{plain}");
        assert_eq!(plain.split_whitespace().count(), 61);
        assert_eq!(View::new(false).paragraph("[times]", &" word".repeat(60), 20).lines().count(), 1);
        assert_eq!(View::new(true).paragraph("[times]", " one", 60), "\x1b[2m[times]\x1b[0m  one\n");
    }

    #[test]
    fn long_sentences_show_their_end() {
        let mut view = View::new(true);
        view.open = " word".repeat(100) + " last\x1b[31m";
        view.tentative = " maybe".into();
        let lines = view.sentence(30);
        assert_eq!(lines.len(), LINES);
        assert!(lines.iter().all(|line| measure_text_width(line) <= 30), "{lines:?}");
        assert!(lines[LINES - 1].contains("last\\u{1b}[31m") && lines[LINES - 1].contains("maybe"), "{lines:?}");
        assert!(measure_text_width(&view.sentence(20)[0]) <= 20);
    }

    #[test]
    fn the_meter_has_a_bar() {
        let mut level = Level::default();
        assert_eq!(meter(&level), "············ -60 dB");
        level.push(&[1.0; 100]);
        assert_eq!(meter(&level), "████████████   0 dB");
    }
}
