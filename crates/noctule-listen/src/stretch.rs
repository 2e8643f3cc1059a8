//! The audio that the model hears at once, and where it lies in the stream.
//!
//! Pieces of speech enter with their places in the stream; pauses between them
//! were left out. Leaves: one signal, and the way back from its times.

use noctule_audio::SAMPLE_RATE;

/// Some seconds of audio in which long pauses are missing.
#[derive(Debug, Clone, Default)]
pub struct Stretch {
    samples: Vec<f32>,
    pieces: Vec<Piece>,
}

/// A part of the stretch that is continuous in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// First sample in the stretch.
    offset: usize,
    /// The same in the stream.
    place: u64,
}

impl Stretch {
    /// Samples of all pieces.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        seconds(self.samples.len())
    }

    /// Adds the samples that begin at `place` of the stream. They begin a new piece if they do not follow.
    pub fn push(&mut self, place: u64, samples: &[f32]) {
        if samples.is_empty() {
            return;
        }
        if self.end() != Some(place) {
            self.pieces.push(Piece { offset: self.samples.len(), place });
        }
        self.samples.extend_from_slice(samples);
    }

    /// Place in the stream behind the last sample.
    pub fn end(&self) -> Option<u64> {
        let last = self.pieces.last()?;
        Some(last.place + (self.samples.len() - last.offset) as u64)
    }

    /// Place in the stream of a sample of the stretch; an end that lies on a seam belongs to the piece before it.
    pub fn place(&self, offset: usize, is_end: bool) -> u64 {
        let after = |piece: &Piece| if is_end { piece.offset < offset } else { piece.offset <= offset };
        let index = self.pieces.partition_point(after).saturating_sub(1);
        self.pieces.get(index).map_or(0, |piece| piece.place + (offset - piece.offset.min(offset)) as u64)
    }

    /// Where pieces begin, the first left out.
    pub fn seams(&self) -> impl Iterator<Item = usize> + '_ {
        self.pieces.iter().skip(1).map(|piece| piece.offset)
    }

    /// Forgets what is before `offset`.
    pub fn forget_before(&mut self, offset: usize) {
        let offset = offset.min(self.samples.len());
        let place = self.place(offset, false);
        self.pieces.retain(|piece| piece.offset > offset);
        self.pieces.iter_mut().for_each(|piece| piece.offset -= offset);
        if offset < self.samples.len() {
            self.pieces.insert(0, Piece { offset: 0, place });
        }
        self.samples.drain(..offset);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.samples.clear();
        self.pieces.clear();
    }
}

/// Seconds of so many samples.
pub fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(SAMPLE_RATE)
}

/// Samples in so many seconds.
pub fn samples(seconds: f64) -> usize {
    // A float-to-integer `as` saturates and takes NaN to 0.
    (seconds * f64::from(SAMPLE_RATE)).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 samples from 1000 on, 50 from 5000 on.
    fn two_pieces() -> Stretch {
        let mut stretch = Stretch::default();
        stretch.push(1000, &[1.0; 60]);
        stretch.push(1060, &[1.0; 40]);
        stretch.push(5000, &[2.0; 50]);
        stretch.push(9999, &[]);
        stretch
    }

    #[test]
    fn times_find_their_way_back() {
        let stretch = two_pieces();
        assert_eq!((stretch.len(), stretch.end()), (150, Some(5050)));
        assert_eq!(stretch.place(0, false), 1000);
        assert_eq!(stretch.place(99, false), 1099);
        assert_eq!((stretch.place(100, true), stretch.place(100, false)), (1100, 5000));
        assert_eq!(stretch.place(150, true), 5050);
        assert_eq!(stretch.seams().collect::<Vec<_>>(), [100]);
    }

    #[test]
    fn what_is_forgotten_moves_nothing() {
        for cut in [0, 1, 99, 100, 101, 149] {
            let mut stretch = two_pieces();
            let places: Vec<u64> = (cut..150).map(|at| stretch.place(at, false)).collect();
            stretch.forget_before(cut);
            let after: Vec<u64> = (0..stretch.len()).map(|at| stretch.place(at, false)).collect();
            assert_eq!(after, places, "{cut}");
            assert_eq!(stretch.end(), Some(5050), "{cut}");
        }
        let mut stretch = two_pieces();
        stretch.forget_before(1000);
        assert!(stretch.is_empty() && stretch.end().is_none());
        stretch.push(7, &[0.0]);
        assert_eq!(stretch.place(0, false), 7);
    }

    #[test]
    fn seconds_and_samples() {
        assert_eq!((seconds(16_000), samples(0.5)), (1.0, 8000));
        assert_eq!(samples(-1.0), 0);
    }
}
