//! A session at the end of a [ring](crate::ring): what another thread captures becomes text.

use crate::event::Stamped;
use crate::recogniser::Recogniser;
use crate::ring::{Drain, Pulled};
use crate::session::Session;
use noctule::Error;
use noctule_audio::SAMPLE_RATE;
use std::time::Duration;

/// Samples that are taken over at once: one second, so that a session that is behind holds no more than that.
const MOST: usize = SAMPLE_RATE as usize;

/// How long to wait for samples before looking whether to stop.
const PATIENCE: Duration = Duration::from_millis(100);

/// Lets `session` hear what comes out of `drain`, until the other side [ends](crate::ring::Feeder::end) or `stop` says so; what
/// has come in by then still becomes text. `stop` is asked ten times a second and more, but not while a step is computed. The
/// session's clock begins with the first sample, unless the session goes on with an earlier one. Returns why the other side ended, if that was no wish.
///
/// # Errors
/// What the recogniser says.
pub fn listen<R: Recogniser>(
    session: &mut Session<R>,
    drain: &Drain,
    stop: &mut dyn FnMut() -> bool,
    sink: &mut dyn FnMut(Stamped),
) -> Result<Option<String>, Error> {
    let mut block = Vec::with_capacity(MOST);
    loop {
        if stop() {
            drain.close();
        }
        block.clear();
        match drain.pull(MOST, PATIENCE, &mut block) {
            Pulled::Samples { waiting } => {
                if session.end() == 0 {
                    let ago = block.len() as f64 / f64::from(SAMPLE_RATE);
                    session.clock().set(ago);
                }
                session.push(&block, waiting);
            }
            Pulled::Nothing => session.push(&[], 0),
            Pulled::Lost(count) => session.lose(count, sink)?,
            Pulled::Ended(reason) => {
                session.finish(sink)?;
                return Ok(reason);
            }
        }
        while session.work(sink)? {}
    }
}
