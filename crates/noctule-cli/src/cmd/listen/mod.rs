//! `noctule listen`: sound as it comes → text as it stands.
//!
//! `source` captures on a thread of its own into a ring (or block by block onto a simulated clock), the session of
//! `noctule-listen` computes here, and `show` puts its events where a person or a program reads them.

mod meeting;
mod show;
mod source;
mod view;

use super::transcribe::{model, vad};
use crate::args::ListenArgs;
use crate::failure::Failure;
use crate::{interrupt, plan, terminal};
use meeting::{Interrupted, Listener, Meeting};
use noctule::options::{AudioContext, Task};
use noctule::{Options, Transcriber};
use noctule_audio::stream::temporary_folder;
use noctule_audio::{SAMPLE_RATE, mic};
use noctule_listen::endpoint::EndpointOptions;
use noctule_listen::event::Stats;
use noctule_listen::pace::PaceOptions;
use noctule_listen::ring::{IN_MEMORY, ON_DISK, ring};
use noctule_listen::speakers::Speakers;
use noctule_listen::{Clock, Meter, Positions, Session, SessionOptions, Stamped, live, simulate};
use show::Show;
use source::Opened;
use std::cell::RefCell;
use std::io::{self, Write};

/// Listens until the sound ends or the user has heard enough.
///
/// # Errors
/// [`Failure::Usage`] for what the model cannot do; [`Failure::Work`] for sound or a model that cannot be had, and a
/// microphone that ends by itself.
pub fn run(args: &ListenArgs) -> Result<(), Failure> {
    if args.source.list_devices {
        return list_devices();
    }
    if let Some(name) = args.meeting.meeting.as_deref().filter(|_| args.meeting.resume) {
        if args.live.speakers {
            let text = "the recording has one channel: what is written down now names no speakers";
            terminal::notice(args.quiet, text);
        }
        return meeting::resume(args, name);
    }
    check_speakers(args)?;
    interrupt::listen();
    let name = args.meeting.meeting.as_deref();
    let left = name.filter(|_| args.meeting.go_on).map(Interrupted::open).transpose()?;
    let (mut session, listener) = session(args, left.as_ref())?;
    let speakers = args.live.speakers.then(Speakers::default);
    let channels = speakers.as_ref().map(Speakers::channels);
    let opened = Opened::open(args, channels.clone())?;
    let (mut earlier, mut recorded) = (None, 0);
    let meeting = match (name, left) {
        (None, _) => None,
        (Some(name), None) => Some(Meeting::begin(name, listener, args)?),
        (Some(_), Some(left)) => {
            session = session.going_on(left.place(), left.count());
            let (meeting, len) = Meeting::go_on(left, listener, args)?;
            (earlier, recorded) = (Some(meeting.rest(session.end(), len)?), len);
            Some(meeting)
        }
    };
    let tap = meeting.as_ref().map(Meeting::tap);
    let (show, meeting) = (RefCell::new(Show::new(args)), RefCell::new(meeting));
    show.borrow_mut().follow(meeting.borrow().as_ref().and_then(Meeting::advance));
    // What was recorded earlier has one channel.
    channels.iter().for_each(|channels| channels.lose(recorded));
    let speakers = RefCell::new(speakers);
    let mut stop = || {
        meeting.borrow().iter().for_each(Meeting::look);
        if speakers.borrow_mut().as_mut().is_some_and(Speakers::are_alike) {
            terminal::warning("both channels are the same, as of a mono microphone: no speaker can be told");
        }
        show.borrow_mut().tick() || interrupt::requested()
    };
    let mut sink = |mut stamped: Stamped| {
        speakers.borrow_mut().iter_mut().for_each(|speakers| speakers.name(&mut stamped.event));
        meeting.borrow_mut().iter_mut().for_each(|meeting| meeting.event(&stamped.event));
        show.borrow_mut().event(stamped);
    };
    let ended = match opened {
        Opened::Simulated(mut blocks) => {
            let kept = blocks.by_ref().inspect(|block| tap.iter().for_each(|tap| tap.push(block)));
            let start = seconds(session.end());
            session.clock().set(start);
            simulate::simulate(&mut session, &mut earlier.into_iter().flatten().chain(kept), &mut stop, &mut sink)?;
            blocks.conclude()
        }
        Opened::Live(mut source) => {
            let (feeder, drain) = ring(IN_MEMORY, &temporary_folder(), ON_DISK);
            earlier.into_iter().flatten().for_each(|block| feeder.push(&block));
            session.clock().set(seconds(recorded));
            terminal::notice(args.quiet, &format!("listening to {}; Ctrl-C ends", source.name()));
            show.borrow_mut().watch(source.level());
            source.start(feeder, tap)?;
            let ended = live::listen(&mut session, &drain, &mut stop, &mut sink)?;
            source.finish();
            ended
        }
    };
    let shown = show.into_inner().finish();
    // Whoever was to read the text may have gone: the meeting is written down all the same.
    let finished = meeting.into_inner().map(Meeting::finish).transpose()?;
    terminal::notice(args.quiet, &summary(&shown?));
    drop(session);
    if let Some(finished) = finished {
        finished.tell(args.quiet);
        finished.refine(args.quiet)?;
    }
    ended.map_or(Ok(()), |reason| Err(Failure::Work(reason)))
}

/// What --speakers cannot do, before anything is loaded.
fn check_speakers(args: &ListenArgs) -> Result<(), Failure> {
    if !args.live.speakers {
        return Ok(());
    }
    if args.source.pcm.is_some_and(|pcm| pcm.channels < 2) {
        return Err(Failure::usage(
            "--speakers compares two channels and --pcm names one: give s16le:16000:2 for sound that has two",
        ));
    }
    if args.meeting.refine.is_some() {
        terminal::notice(args.quiet, "the recording has one channel: the text of --refine will name no speakers");
    }
    Ok(())
}

fn seconds(samples: u64) -> f64 {
    samples as f64 / f64::from(SAMPLE_RATE)
}

fn session(args: &ListenArgs, left: Option<&Interrupted>) -> Result<(Session<Transcriber>, Listener), Failure> {
    let engine = &args.engine;
    let task = if args.translate { Task::Translate } else { Task::Transcribe };
    let options = SessionOptions {
        policy: args.live.policy,
        front: args.live.front,
        pace: PaceOptions { min_step: args.live.step, ..PaceOptions::default() },
        endpoint: EndpointOptions {
            threshold: args.live.vad_threshold,
            hang_over: args.live.pause,
            ..EndpointOptions::default()
        },
        language: left.map_or_else(|| args.language.0.clone(), |left| left.language(&args.language.0)),
        task,
        beam_size: args.live.beam_size.into(),
        final_beam_size: args.live.beam_size.into(),
        positions: match engine.audio_ctx {
            AudioContext::Full => Positions::Full,
            AudioContext::Positions(n) => Positions::AtLeast(n),
            AudioContext::Auto => return Err(Failure::usage("--audio-ctx: while listening give a number or 'full'")),
        },
        prompt: args.prompt.clone(),
        ..SessionOptions::default()
    };
    let detector = vad(args.live.vad_model.as_deref())?;
    let model = model::load(&plan::model(engine)?, args.quiet)?;
    let config = plan::config(engine);
    let mut needed = Options { word_timestamps: true, ..Options::default() };
    needed.search.beam_size = options.final_beam_size;
    model::check_memory(&model, config.precision, &needed, engine.memory_limit, noctule::memory::live_set_bytes)?;
    let transcriber = Transcriber::new(model, config)?;
    let clock = if args.source.simulate { Clock::simulated(Meter::Wall) } else { Clock::real() };
    let listener = Listener::of(&transcriber);
    Ok((Session::new(transcriber, detector, clock, options)?, listener))
}

fn list_devices() -> Result<(), Failure> {
    let devices = mic::devices();
    if devices.is_empty() {
        return Err(Failure::work(
            "nothing to record from was found: connect a microphone; on Linux install pipewire-bin (pw-record, pw-dump) or \
             alsa-utils (arecord); or pipe samples in (noctule listen - --pcm s16le:16000:1)",
        ));
    }
    let mut text = String::new();
    for device in devices {
        let (tool, name) = (device.tool.name(), terminal::harmless(&device.name));
        text.push_str(&format!("{tool:<10} {name:<32} {}\n", terminal::harmless(&device.description)));
    }
    io::stdout().write_all(text.as_bytes()).map_err(super::transcribe::stdout_failure)
}

/// One line about the whole.
fn summary(stats: &Stats) -> String {
    let mut text = format!(
        "{} of sound, {} words; computing took {:.1} s",
        super::progress::clock(stats.audio_s),
        stats.words,
        stats.computed_s
    );
    if stats.lost_s > 0.0 {
        text.push_str(&format!("; {:.1} s of sound were lost", stats.lost_s));
    }
    text
}
