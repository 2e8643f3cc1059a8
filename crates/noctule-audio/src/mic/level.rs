//! How loud it is.

/// A level of this and less is shown as silence, dB below full scale.
pub const FLOOR: f32 = -60.0;

/// Decay of the peak, dB a second, as needles of mixing desks fall.
const FALL: f32 = 20.0;

/// A level meter: samples enter, decibels below full scale leave.
#[derive(Debug, Clone)]
pub struct Level {
    rms: f32,
    peak: f32,
    /// Samples at full scale since the last look.
    clipped: u64,
}

impl Default for Level {
    fn default() -> Self {
        Self { rms: FLOOR, peak: FLOOR, clipped: 0 }
    }
}

impl Level {
    /// Hears the next samples.
    pub fn push(&mut self, samples: &[f32]) {
        if samples.is_empty() {
            return;
        }
        let sum: f64 = samples.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
        let top = samples.iter().fold(0.0f32, |top, x| top.max(x.abs()));
        let seconds = samples.len() as f32 / crate::SAMPLE_RATE as f32;
        self.rms = decibels((sum / samples.len() as f64).sqrt() as f32);
        self.peak = decibels(top).max(self.peak - FALL * seconds).max(FLOOR);
        self.clipped += samples.iter().filter(|x| x.abs() >= 32767.0 / 32768.0).count() as u64;
    }

    /// Root mean square of the last samples, dB below full scale, at least [`FLOOR`].
    pub fn rms(&self) -> f32 {
        self.rms
    }

    /// The largest magnitude, which falls slowly; dB below full scale.
    pub fn peak(&self) -> f32 {
        self.peak
    }

    /// Samples at full scale since the last call.
    pub fn take_clipped(&mut self) -> u64 {
        std::mem::take(&mut self.clipped)
    }

    /// A decibel value as a part of the way from [`FLOOR`] to full scale, 0 to 1.
    pub fn part(decibels: f32) -> f32 {
        ((decibels - FLOOR) / -FLOOR).clamp(0.0, 1.0)
    }
}

fn decibels(amplitude: f32) -> f32 {
    let decibels = 20.0 * amplitude.log10();
    // What is no number counts as silence.
    if decibels.is_nan() { FLOOR } else { decibels.clamp(FLOOR, 0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_scale_is_zero_decibels() {
        let mut level = Level::default();
        level.push(&[1.0; 100]);
        assert_eq!((level.rms(), level.peak(), level.take_clipped(), level.take_clipped()), (0.0, 0.0, 100, 0));
        let sine: Vec<f32> = (0..16_000).map(|i| (i as f32 * 0.1).sin() * 0.1).collect();
        let mut level = Level::default();
        level.push(&sine);
        assert!((level.rms() + 23.0).abs() < 0.1 && (level.peak() + 20.0).abs() < 0.1, "{level:?}");
    }

    #[test]
    fn peaks_fall_and_silence_is_the_floor() {
        let mut level = Level::default();
        level.push(&[0.5]);
        let before = level.peak();
        level.push(&[0.0; 8000]);
        assert!((before - level.peak() - 10.0).abs() < 0.01);
        level.push(&[0.0; 160_000]);
        level.push(&[f32::NAN]);
        level.push(&[]);
        assert_eq!((level.rms(), level.peak()), (FLOOR, FLOOR));
        assert_eq!([Level::part(-60.0), Level::part(-30.0), Level::part(3.0)], [0.0, 0.5, 1.0]);
    }
}
