//! Places words in time by where the decoder looked while it wrote them.
//!
//! Enters: the cross-attention weights of the [alignment
//! heads](crate::alignment_heads) for one window, read while the decoder runs
//! over the finished text. Leaves: words with start, end and probability,
//! first relative to the window ([`align`]), then in the segments
//! ([`place_words`]). The algorithm is that of OpenAI's package
//! (whisper/timing.py, release 20250625): weights are standardised over the
//! tokens, median-filtered over the frames, averaged over the heads, and a
//! [time warp](dtw()) through their negative gives each token its first frame.

mod align;
mod dtw;
mod median;
mod place;
mod punctuation;

pub(crate) use align::attended;
pub use align::{AlignedWord, AlignmentError, AlignmentInput, Scratch, align, cut_at_segments};
pub use dtw::{DtwScratch, dtw};
pub use median::median_filter;
pub use place::place_words;
pub use punctuation::{APPENDED, PREPENDED, merge_punctuations};

/// Seconds of audio behind one encoder position: two hops of 10 ms.
pub const SECONDS_PER_FRAME: f64 = 0.02;
/// Width of the median filter over the frames. OpenAI's default.
pub const MEDIAN_WIDTH: usize = 7;

#[cfg(test)]
mod tests;
