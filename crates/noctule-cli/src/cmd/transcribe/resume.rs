//! When a journal is kept, when an interrupted run is taken up, and what is
//! said about it.

use super::audio::can_be_read_again;
use super::clock::{FileClock, clock_time};
use super::identity::Identity;
use super::journal::{self, Journal, Unavailable};
use crate::failure::Failure;
use crate::interrupt;
use crate::plan::{Input, Plan};
use crate::terminal;
use noctule::{Resume, Transcriber};

/// Files from this length on, seconds, keep a journal without being asked.
const JOURNAL_FROM_S: f64 = 120.0;

/// The journal of a file that is long enough to need one, or that is to be resumed.
pub fn open_journal(
    plan: &Plan,
    input: &Input,
    duration_s: f64,
    transcriber: &Transcriber,
) -> Result<Option<Journal>, Failure> {
    let Input::File(path) = input else { return Ok(None) };
    let wanted = plan.resume || duration_s >= JOURNAL_FROM_S;
    if !wanted || !can_be_read_again(input) {
        return Ok(None);
    }
    let identity = Identity::new(plan, path, transcriber)?;
    let name = input.name();
    match journal::folder().map(|folder| Journal::open(&folder, path, identity)) {
        Ok(Ok(journal)) => return Ok(Some(journal)),
        Ok(Err(Unavailable::Busy)) if plan.resume => {
            return Err(Failure::work(format!("{name} is being transcribed by another run: let that one finish")));
        }
        Ok(Err(Unavailable::Busy)) => terminal::warning(&format!(
            "{name} is being transcribed by another run too: this one keeps no journal and cannot be resumed"
        )),
        Ok(Err(Unavailable::Io(place, error))) => terminal::warning(&format!(
            "no journal can be kept in {}: {error}; if this run of {name} is interrupted, it cannot be resumed \
             (XDG_STATE_HOME names another place)",
            place.display()
        )),
        Err(failure) => terminal::warning(&format!("no journal can be kept: {failure}")),
    }
    Ok(None)
}

/// What an earlier run has finished, if this one is to go on with it.
pub fn take_up(
    plan: &Plan,
    input: &Input,
    journal: Option<&mut Journal>,
    clock: &FileClock,
) -> Result<Option<Resume>, Failure> {
    let Some(journal) = journal else { return Ok(None) };
    let name = input.name();
    let notice = |message: String| terminal::notice(plan.quiet, &message);
    if !plan.resume {
        if let Some(done) = journal.done_s() {
            let done = clock_time(clock.time(done));
            notice(format!(
                "an interrupted run of {name} got to {done}: --resume goes on there; this run starts again"
            ));
        }
        journal.start_again();
        return Ok(None);
    }
    let resume = journal.resume().map_err(|difference| {
        Failure::work(format!(
            "{name} cannot be resumed: {difference}; give the same options again, \
             or leave --resume away to start from the beginning"
        ))
    })?;
    notice(match &resume {
        Some(resume) => format!("{name} goes on at {}", clock_time(clock.time(resume.checkpoint.seconds()))),
        None => format!("{name} starts from the beginning: nothing of it is in the journal"),
    });
    Ok(resume)
}

/// What to say when the user stops the run. `place`: how much of how much, seconds, is in the journal.
pub fn interrupted(plan: &Plan, input: &Input, place: Option<(f64, f64)>) -> Failure {
    let name = input.name();
    let Some((done, end)) = place else {
        return Failure::Interrupted(format!("stopped; {name} has to start from the beginning"), None);
    };
    // Files of a batch that are done need not be done again.
    let batch = plan.items.len() > 1 && !plan.formats.is_empty();
    let command = interrupt::command_with(if batch { &["--resume", "--skip-existing"] } else { &["--resume"] });
    let how = if command.is_some() { "to go on:" } else { "to go on, give the same command with --resume" };
    let message = format!("stopped at {} of {} of {name}; {how}", clock_time(done), clock_time(end));
    Failure::Interrupted(message, command)
}
