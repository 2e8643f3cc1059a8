//! A recording heard on a simulated clock.

use crate::event::Stamped;
use crate::recogniser::Recogniser;
use crate::session::Session;
use noctule::Error;
use noctule_audio::SAMPLE_RATE;

/// Samples that arrive at once: 20 ms, as from a sound card.
pub const BLOCK: usize = SAMPLE_RATE as usize / 50;

/// Lets `session` hear `blocks`, each when its last sample would have come in from a microphone. It ends early when `stop`, which is
/// asked at each block, says so.
///
/// # Errors
/// What the recogniser says.
pub fn simulate<R: Recogniser>(
    session: &mut Session<R>,
    blocks: &mut dyn Iterator<Item = Vec<f32>>,
    stop: &mut dyn FnMut() -> bool,
    sink: &mut dyn FnMut(Stamped),
) -> Result<(), Error> {
    let mut next = blocks.next();
    while let Some(block) = next.take().filter(|_| !stop()) {
        let complete = (session.end() + block.len() as u64) as f64 / f64::from(SAMPLE_RATE);
        // Until then the session works off what it has; what takes longer lets more blocks come in.
        while session.clock().now() < complete && session.work(sink)? {}
        session.clock().wait_until(complete);
        session.push(&block, 0);
        next = blocks.next();
    }
    session.finish(sink)
}
