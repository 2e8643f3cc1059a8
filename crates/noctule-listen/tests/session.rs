//! Sessions with a scripted model and detector: no word is lost, doubled or changed, whatever the policy, the pace and the pauses.

use noctule::Error;
use noctule::live::{Continued, End, LiveToken, LiveWord, Request};
use noctule::options::{LanguageChoice, Task};
use noctule_listen::detector::Detector;
use noctule_listen::pace::Level;
use noctule_listen::recogniser::Recogniser;
use noctule_listen::ring::ring;
use noctule_listen::simulate::{BLOCK, simulate};
use noctule_listen::{Clock, Event, Meter, PolicyKind, Session, SessionOptions, Stamped, live};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const RATE: usize = 16_000;
/// Every word lasts so long, samples, and so long is the gap to the next.
const WORD: usize = 4800;
const GAP: usize = 1600;

/// A "recording": word `n` is the value (n + 1) / 4096 for as long as it lasts, and between words there is nothing.
fn recording(pattern: &[(usize, f64)]) -> (Vec<f32>, usize) {
    let (mut samples, mut next) = (Vec::new(), 0);
    for &(words, pause) in pattern {
        for _ in 0..words {
            next += 1;
            samples.extend(std::iter::repeat_n(next as f32 / 4096.0, WORD));
            samples.extend(std::iter::repeat_n(0.0, GAP));
        }
        samples.extend(std::iter::repeat_n(0.0, (pause * RATE as f64) as usize));
    }
    (samples, next)
}

/// Hears speech where there is a word.
struct Ears;

impl Detector for Ears {
    fn frame_len(&self) -> usize {
        320
    }

    fn predict(&mut self, frame: &[f32]) -> f32 {
        if frame.iter().any(|x| *x != 0.0) { 0.9 } else { 0.0 }
    }
}

/// Reads the words back from the samples. One that is cut off is heard as another word.
#[derive(Default)]
struct Model {
    heard: Vec<f32>,
    /// The longest stretch that was heard, samples.
    longest: usize,
    work: Duration,
    /// Sounds like no speech, and what it writes is unlikely.
    invents: bool,
    /// Sounds like no speech, but what it writes is likely.
    doubts: bool,
    /// Writes the same words over what was said before, whatever follows.
    echoes: bool,
    multilingual: bool,
    /// Whether it ends what stands with a mark before it goes on.
    marks: bool,
    /// How many words stood each time it was asked.
    stood: Arc<Mutex<Vec<usize>>>,
}

impl Recogniser for Model {
    fn positions(&self) -> usize {
        1500
    }

    fn language(&self, _choice: &LanguageChoice, _task: Task) -> Result<Option<usize>, Error> {
        Ok((!self.multilingual).then_some(0))
    }

    fn tokens(&self, text: &str) -> Vec<u32> {
        text.split_whitespace().map(|_| 9999).collect()
    }

    fn hear(&mut self, samples: &[f32], loudest: Option<f32>, positions: usize) -> f32 {
        assert!(samples.len() <= 30 * RATE && positions <= 1500);
        self.longest = self.longest.max(samples.len());
        self.heard = samples.to_vec();
        loudest.unwrap_or(0.0)
    }

    fn heard_language(&mut self) -> (usize, f32) {
        (2, 0.75)
    }

    fn proceed(&mut self, request: &Request) -> Result<Continued, Error> {
        let until = Instant::now() + self.work;
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        assert_eq!(request.language, if self.multilingual { 2 } else { 0 });
        let mut continued = Continued {
            tokens: Vec::new(),
            words: Vec::new(),
            end: End::EndOfText,
            no_speech_prob: if self.invents || self.doubts { 0.9 } else { 0.1 },
            avg_logprob: if self.invents { -1.5 } else { -0.2 },
        };
        self.stood.lock().unwrap().push(request.prefix.len());
        if self.marks && !request.prefix.is_empty() && !request.prefix.contains(&7777) {
            continued.tokens.push(LiveToken { id: 7777, logprob: -0.1, attended: 0.0 });
            continued.words.push(LiveWord { text: "!".into(), tokens: 0..1, start: 0.0, end: 0.0, probability: 0.9 });
        }
        if self.echoes && !request.prefix.is_empty() {
            continued.tokens.push(LiveToken { id: 8888, logprob: -0.1, attended: 0.8 });
            let text = " Thanks!".into();
            continued.words.push(LiveWord { text, tokens: 0..1, start: 0.5, end: 0.8, probability: 0.9 });
            return Ok(continued);
        }
        let mut at = 0;
        while at < self.heard.len() {
            let value = self.heard[at];
            let length = self.heard[at..].iter().take_while(|x| **x == value).count();
            let id = (value * 4096.0).round() as u32;
            if value != 0.0 && !request.prefix.contains(&id) {
                let whole = length == WORD;
                let (start, end) = (at as f64 / RATE as f64, (at + length) as f64 / RATE as f64);
                let token = continued.tokens.len();
                let text = if whole { format!(" w{id}") } else { format!(" cut{length}") };
                continued.tokens.push(LiveToken { id, logprob: -0.1, attended: end });
                continued.words.push(LiveWord { text, tokens: token..token + 1, start, end, probability: 0.9 });
            }
            at += length;
        }
        Ok(continued)
    }
}

/// Words as they were committed: text, start, end, when.
type Committed = Vec<(String, f64, f64, f64)>;

fn partials(events: &[Stamped]) -> Vec<&str> {
    let mut texts = Vec::new();
    for event in events {
        if let Event::Partial { text, .. } = &event.event {
            texts.push(text.as_str());
        }
    }
    texts
}

fn committed(events: &[Stamped]) -> Committed {
    let words = |event: &Stamped| match &event.event {
        Event::Commit { words, .. } => words.iter().map(|w| (w.word.clone(), w.start, w.end, event.time_s)).collect(),
        _ => Vec::new(),
    };
    events.iter().flat_map(words).collect()
}

/// That all `count` words are there, once, in order, in place; and that segments say the same.
#[track_caller]
fn check(events: &[Stamped], samples: &[f32], count: usize) -> Committed {
    let words = committed(events);
    let texts: Vec<&str> = words.iter().map(|word| word.0.trim()).collect();
    let first = texts.iter().zip(1..).find(|(text, n)| **text != format!("w{n}"));
    assert!(first.is_none() && texts.len() == count, "{} words of {count}, and {first:?}", texts.len());
    let starts = (0..samples.len()).filter(|&at| samples[at] != 0.0 && (at == 0 || samples[at - 1] == 0.0));
    let places: Vec<f64> = starts.map(|at| at as f64 / RATE as f64).collect();
    for (index, (_, start, end, _)) in words.iter().enumerate() {
        let place = places[index];
        assert!((start - place).abs() < 0.02 && (end - place - 0.3).abs() < 0.02, "w{} {start} {end}", index + 1);
    }
    let segments = events.iter().filter_map(|event| match &event.event {
        Event::Segment(segment) => Some(&segment.0),
        _ => None,
    });
    let text: String = segments.clone().map(|segment| segment.text.as_str()).collect();
    assert_eq!(text, words.iter().map(|word| word.0.as_str()).collect::<String>());
    assert!(segments.enumerate().all(|(index, segment)| segment.id == index));
    assert!(events.is_sorted_by(|a, b| a.time_s <= b.time_s));
    words
}

fn options(policy: PolicyKind) -> SessionOptions {
    SessionOptions { policy, ..SessionOptions::default() }
}

fn hear(model: Model, clock: Clock, options: SessionOptions, samples: &[f32]) -> Vec<Stamped> {
    let mut events = Vec::new();
    let mut session = Session::new(model, Ears, clock, options).unwrap();
    let mut blocks = samples.chunks(BLOCK).map(<[f32]>::to_vec);
    simulate(&mut session, &mut blocks, &mut || false, &mut |event| events.push(event)).unwrap();
    events
}

/// Short and long utterances, pauses of all lengths, a monologue longer than any window.
const PATTERN: [(usize, f64); 8] =
    [(3, 1.0), (1, 2.0), (12, 0.3), (5, 4.0), (110, 0.2), (30, 1.5), (2, 0.45), (7, 0.0)];

#[test]
fn no_word_is_lost_doubled_or_changed() {
    let (samples, count) = recording(&PATTERN);
    for policy in PolicyKind::ALL {
        let events = hear(Model::default(), Clock::simulated(Meter::Free), options(policy), &samples);
        check(&events, &samples, count);
        let starts = events.iter().filter(|e| matches!(e.event, Event::SpeechStart { .. })).count();
        let ends = events.iter().filter(|e| matches!(e.event, Event::SpeechEnd { .. })).count();
        assert_eq!(starts, ends, "{policy}");
        assert_eq!(starts, 6, "{policy}: pauses of half a second and more divide");
    }
}

#[test]
fn policies_differ_in_how_long_words_wait() {
    let (samples, count) = recording(&[(40, 2.0)]);
    let wait = |policy| {
        let events = hear(Model::default(), Clock::simulated(Meter::Free), options(policy), &samples);
        let words = check(&events, &samples, count);
        words.iter().map(|(_, _, end, time)| time - end).sum::<f64>() / words.len() as f64
    };
    let [utterance, agreement, attention] = PolicyKind::ALL.map(wait);
    // Which of the first two is quicker depends on how steady the model is; the scripted one never wavers.
    assert!(attention.max(agreement) < 1.1 && utterance > 2.0, "{attention} {agreement} {utterance}");
}

#[test]
fn what_was_passed_over_while_behind_is_told_before_anything_new_comes() {
    let (samples, count) = recording(&[(40, 3.0)]);
    let options = options(PolicyKind::AlignAtt);
    let mut session = Session::new(Model::default(), Ears, Clock::simulated(Meter::Free), options).unwrap();
    let mut events = Vec::new();
    // All at once, as through a pipe that then stays open.
    let mut given = 0;
    for block in samples.chunks(16_000) {
        given += block.len();
        session.push(block, (samples.len() - given) as u64);
        while session.work(&mut |event| events.push(event)).unwrap() {}
    }
    let levels = events.iter().filter(|stamped| matches!(stamped.event, Event::Lag { .. })).count();
    assert!(levels >= 4, "{levels}: it was behind");
    check(&events, &samples, count);
}

#[test]
fn tentative_words_become_those_that_stand() {
    let (samples, _) = recording(&[(10, 1.0)]);
    let events = hear(Model::default(), Clock::simulated(Meter::Free), options(PolicyKind::Utterance), &samples);
    let partials = partials(&events);
    assert!(partials.len() > 4, "{partials:?}");
    assert!(partials.iter().any(|text| text.starts_with(" w1 w2 w3")), "{partials:?}");
    assert!(partials.iter().all(|text| !text.is_empty()), "they become words that stand, and are not withdrawn");
}

#[test]
fn a_model_that_is_too_slow_lags_and_still_hears_every_word() {
    // Every pause wants a step, and a step takes eight seconds of the session's time.
    let (samples, count) = recording(&[(2, 0.6); 100]);
    let model = Model { work: Duration::from_millis(4), ..Model::default() };
    let clock = Clock::simulated(Meter::Wall).slowed_down(2000.0);
    let events = hear(model, clock, options(PolicyKind::AlignAtt), &samples);
    check(&events, &samples, count);
    let lags: Vec<(f64, Level)> = events
        .iter()
        .filter_map(|event| match event.event {
            Event::Lag { lag_s, level, .. } => Some((lag_s, level)),
            _ => None,
        })
        .collect();
    assert!(lags.iter().any(|(lag, level)| *lag > 5.0 && *level == Level::Windows), "{lags:?}");
    let Some(Event::Stats(stats)) = events.last().map(|event| &event.event) else { panic!("{events:?}") };
    assert!(stats.encodes < 70, "{} steps: half-minutes are heard at once", stats.encodes);
}

#[test]
fn what_was_said_is_heard_again_with_what_follows_unless_silence_was_between() {
    let (samples, count) = recording(&[(5, 0.8), (5, 4.0), (5, 1.0)]);
    let stood = Arc::new(Mutex::new(Vec::new()));
    let model = Model { stood: stood.clone(), ..Model::default() };
    let events = hear(model, Clock::simulated(Meter::Free), options(PolicyKind::Utterance), &samples);
    check(&events, &samples, count);
    let mut stood = stood.lock().unwrap().clone();
    stood.dedup();
    assert_eq!(stood, [0, 5, 0]);
    // A recording without an end is not heard again as a whole.
    let (samples, count) = recording(&[(5, 0.8); 20]);
    let model = Model::default();
    check(&hear(model, Clock::simulated(Meter::Free), options(PolicyKind::Utterance), &samples), &samples, count);
}

#[test]
fn no_segment_begins_with_the_mark_that_would_end_the_last() {
    let (samples, count) = recording(&[(5, 0.8); 4]);
    let model = Model { marks: true, ..Model::default() };
    let events = hear(model, Clock::simulated(Meter::Free), options(PolicyKind::Utterance), &samples);
    check(&events, &samples, count);
    let partials = partials(&events);
    assert!(partials.len() > 4 && partials.iter().all(|text| text.starts_with(' ')), "{partials:?}");
}

#[test]
fn words_that_lie_in_what_was_said_before_are_not_told() {
    let (samples, _) = recording(&[(5, 0.8), (5, 0.8), (5, 4.0), (5, 1.0)]);
    let model = Model { echoes: true, ..Model::default() };
    let events = hear(model, Clock::simulated(Meter::Free), options(PolicyKind::Utterance), &samples);
    let texts: Vec<String> = committed(&events).into_iter().map(|word| word.0).collect();
    // After the long silence nothing of before is heard.
    assert_eq!(texts.concat(), " w1 w2 w3 w4 w5 w16 w17 w18 w19 w20");
    assert!(partials(&events).iter().all(|text| !text.contains("Thanks")));
}

#[test]
fn words_in_what_sounds_like_no_speech_wait_for_its_end() {
    let (samples, count) = recording(&[(10, 1.0), (10, 4.0), (10, 1.0)]);
    let model = Model { doubts: true, ..Model::default() };
    let events = hear(model, Clock::simulated(Meter::Free), options(PolicyKind::AlignAtt), &samples);
    check(&events, &samples, count);
    let commits = events.iter().filter(|event| matches!(event.event, Event::Commit { .. })).count();
    assert_eq!(commits, 3);
    assert!(partials(&events).len() > 4);
}

#[test]
fn nothing_is_heard_in_silence() {
    let silence = vec![0.0; 60 * RATE];
    let events = hear(Model::default(), Clock::simulated(Meter::Free), options(PolicyKind::AlignAtt), &silence);
    assert!(events.iter().all(|event| matches!(event.event, Event::Stats(_))), "{events:?}");
    let Some(Event::Stats(stats)) = events.last().map(|event| &event.event) else { panic!() };
    assert_eq!((stats.encodes, stats.words, stats.audio_s), (0, 0, 60.0));
}

#[test]
fn unlikely_text_in_what_is_no_speech_is_dropped() {
    let (samples, _) = recording(&[(10, 1.0)]);
    let model = Model { invents: true, ..Model::default() };
    let events = hear(model, Clock::simulated(Meter::Free), options(PolicyKind::AlignAtt), &samples);
    assert!(committed(&events).is_empty());
}

#[test]
fn the_language_is_told_once_with_the_first_words() {
    let (samples, count) = recording(&[(10, 1.0), (10, 1.0)]);
    let model = Model { multilingual: true, ..Model::default() };
    let events = hear(model, Clock::simulated(Meter::Free), options(PolicyKind::AlignAtt), &samples);
    check(&events, &samples, count);
    let told: Vec<usize> = events
        .iter()
        .enumerate()
        .filter(|(_, event)| matches!(event.event, Event::Language { language: "de", .. }))
        .map(|(index, _)| index)
        .collect();
    let first = events.iter().position(|event| matches!(event.event, Event::Commit { .. }));
    assert_eq!(told.len(), 1);
    assert_eq!(first, Some(told[0] + 1));
}

#[test]
fn lost_samples_leave_a_gap_in_time_and_nothing_else() {
    let (samples, _) = recording(&[(20, 0.0)]);
    // In the gap before the eleventh word.
    let (before, after) = samples.split_at(10 * (WORD + GAP) - 100);
    let mut events = Vec::new();
    let mut sink = |event| events.push(event);
    let mut session =
        Session::new(Model::default(), Ears, Clock::simulated(Meter::Free), options(PolicyKind::AlignAtt)).unwrap();
    session.push(before, 0);
    session.lose(3 * RATE as u64, &mut sink).unwrap();
    session.push(after, 0);
    session.finish(&mut sink).unwrap();
    assert_eq!(session.end() as usize, samples.len() + 3 * RATE);
    let words = committed(&events);
    assert_eq!(words.len(), 20);
    let gap = words[10].1 - words[9].2;
    assert!((gap - 3.1).abs() < 0.02, "{gap}");
    assert!(events.iter().any(|event| event.event == Event::Lost { at: 3.99375, seconds: 3.0 }), "{events:?}");
}

#[test]
fn memory_stays_bounded_whatever_is_said() {
    let (samples, count) = recording(&[(600, 0.0)]);
    for policy in PolicyKind::ALL {
        let mut session = Session::new(Model::default(), Ears, Clock::simulated(Meter::Free), options(policy)).unwrap();
        let mut events = Vec::new();
        let mut most = 0;
        for block in samples.chunks(RATE / 10) {
            session.push(block, 0);
            while session.work(&mut |event| events.push(event)).unwrap() {}
            most = most.max(session.held());
        }
        session.finish(&mut |event| events.push(event)).unwrap();
        check(&events, &samples, count);
        assert!(most <= 28 * RATE, "{policy}: {most} samples");
    }
}

#[test]
fn another_thread_captures_at_real_pace() {
    let (samples, count) = recording(&[(8, 0.6), (4, 0.2)]);
    // Less than a second fits the memory; the rest goes to the disk and comes back.
    let (feeder, drain) = ring(RATE / 2, &std::env::temp_dir(), 1 << 24);
    let mut session = Session::new(Model::default(), Ears, Clock::real(), options(PolicyKind::LocalAgreement)).unwrap();
    let fed = samples.clone();
    let capture = std::thread::spawn(move || {
        for block in fed.chunks(320) {
            feeder.push(block);
            std::thread::sleep(Duration::from_millis(2));
        }
        feeder.end(Some("unplugged".into()));
    });
    let mut events = Vec::new();
    let ended = live::listen(&mut session, &drain, &mut || false, &mut |event| events.push(event)).unwrap();
    capture.join().unwrap();
    assert_eq!(ended.as_deref(), Some("unplugged"));
    check(&events, &samples, count);
}

#[test]
fn a_wish_to_stop_keeps_what_came_in() {
    let (samples, count) = recording(&[(6, 0.0)]);
    let (feeder, drain) = ring(100 * RATE, &std::env::temp_dir(), 0);
    feeder.push(&samples);
    let mut session = Session::new(Model::default(), Ears, Clock::real(), options(PolicyKind::AlignAtt)).unwrap();
    let mut events = Vec::new();
    let ended = live::listen(&mut session, &drain, &mut || true, &mut |event| events.push(event)).unwrap();
    feeder.push(&samples);
    assert_eq!(ended, None);
    check(&events, &samples, count);
}
