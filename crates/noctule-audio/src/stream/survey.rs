//! The first pass over a recording.

use crate::AudioError;
use crate::file::Reader;
use crate::stereo::Loudness;
use crate::vad::{Span, SpeechFinder};

/// Half a step of 16-bit audio: digital silence stays below it, any recording goes above.
const SILENCE: f32 = 1.0 / 65_536.0;

/// What a recording is, as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// Samples at 16 kHz.
    pub len: u64,
    /// There is nothing to hear but digital silence.
    pub silent: bool,
    /// The spans that hold speech, if they were looked for.
    pub speech: Option<Vec<Span>>,
    /// How loud the two channels are, if the reader keeps them and there are two.
    pub loudness: Option<Loudness>,
    /// What is missing or damaged, see [`Reader::warnings`].
    pub warnings: Vec<String>,
}

/// Reads all of `reader`. `finder` looks for speech on the way, `hear` gets
/// every block of samples and may end it all with `false`, in which case there
/// is no survey.
///
/// # Errors
/// Those of [`Reader::next_block`] and of `hear`.
pub fn survey(
    reader: &mut Reader,
    mut finder: Option<SpeechFinder>,
    hear: &mut dyn FnMut(&[f32]) -> Result<bool, AudioError>,
) -> Result<Option<Survey>, AudioError> {
    let (mut len, mut silent) = (0, true);
    let mut loudness = Loudness::default();
    while let Some(block) = reader.next_block()? {
        len += block.len() as u64;
        silent &= block.iter().all(|x| x.abs() < SILENCE);
        if let Some(finder) = &mut finder {
            finder.push(block);
        }
        if !hear(block)? {
            return Ok(None);
        }
        if let Some((left, right)) = reader.sides() {
            loudness.push(left, right);
        }
    }
    let stereo = reader.sides().is_some() && reader.info().channels >= 2;
    Ok(Some(Survey {
        len,
        silent,
        speech: finder.map(SpeechFinder::finish),
        loudness: stereo.then_some(loudness),
        warnings: reader.warnings().to_vec(),
    }))
}
