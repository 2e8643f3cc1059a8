//! Where the engine's samples come from: a slice, or a recording that is too
//! long to keep in memory.
//!
//! Stands in front of [`mel`](crate::mel), which asks for the samples of one
//! window after the other. Reads move forward, but for a window that overlaps
//! the one before it.

/// Why samples could not be had; its text names the recording.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// 16 kHz mono samples (range −1 to 1) of known number.
pub trait Samples {
    /// How many there are.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `out` with the samples from `start` on. The caller asks for nothing behind [`len`](Self::len).
    ///
    /// # Errors
    /// The recording cannot be read (any more).
    fn read(&mut self, start: u64, out: &mut [f32]) -> Result<(), SourceError>;
}

impl Samples for &[f32] {
    fn len(&self) -> u64 {
        <[f32]>::len(self) as u64
    }

    fn read(&mut self, start: u64, out: &mut [f32]) -> Result<(), SourceError> {
        let start = usize::try_from(start)?;
        let end = start.checked_add(out.len());
        let wanted = end.and_then(|end| self.get(start..end)).ok_or("samples behind the end were asked for")?;
        out.copy_from_slice(wanted);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_gives_its_parts_and_no_more() {
        let all = [1.0, 2.0, 3.0];
        let mut source = all.as_slice();
        let mut out = [0.0; 2];
        Samples::read(&mut source, 1, &mut out).unwrap();
        assert_eq!((out, Samples::len(&source), Samples::is_empty(&source)), ([2.0, 3.0], 3, false));
        assert!(Samples::read(&mut source, 2, &mut out).is_err());
        assert!(Samples::read(&mut source, u64::MAX, &mut out).is_err());
    }
}
