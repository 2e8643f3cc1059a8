//! How much each channel counts in the mono mix.

use symphonia::core::audio::{Channels, Position};

/// The weight of each channel's plane, in the order of the planes; they add up
/// to 1.
///
/// One or two channels, and channels whose place is unknown, count alike.
/// Otherwise the mono downmix of ITU-R BS.775 (3/2 to 1/0): the centre,
/// where speech is, counts 1, left and right √½, the surrounding ones ½, and
/// the low-frequency channel nothing.
pub(super) fn weights(channels: &Channels, count: usize) -> Vec<f32> {
    let alike = || vec![1.0 / count.max(1) as f32; count];
    let Channels::Positioned(positions) = channels else { return alike() };
    let mut weights: Vec<f32> = positions.iter().map(weight).collect();
    let sum: f32 = weights.iter().sum();
    if count <= 2 || weights.len() != count || sum == 0.0 {
        return alike();
    }
    weights.iter_mut().for_each(|w| *w /= sum);
    weights
}

fn weight(position: Position) -> f32 {
    const BESIDE: Position = Position::FRONT_LEFT
        .union(Position::FRONT_RIGHT)
        .union(Position::FRONT_LEFT_CENTER)
        .union(Position::FRONT_RIGHT_CENTER);
    if position == Position::FRONT_CENTER {
        1.0
    } else if BESIDE.contains(position) {
        std::f32::consts::FRAC_1_SQRT_2
    } else if (Position::LFE1 | Position::LFE2).contains(position) {
        0.0
    } else {
        0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symphonia::core::audio::layouts::{CHANNEL_LAYOUT_5P1, CHANNEL_LAYOUT_STEREO};

    #[test]
    fn the_centre_counts_most_and_the_low_frequencies_nothing() {
        let mix = weights(&CHANNEL_LAYOUT_5P1, 6);
        let expected = [0.2071, 0.2071, 0.2929, 0.0, 0.1464, 0.1464];
        for (got, want) in mix.iter().zip(expected) {
            assert!((got - want).abs() < 1e-4, "{mix:?}");
        }
        assert_eq!(weights(&CHANNEL_LAYOUT_STEREO, 2), [0.5, 0.5]);
        assert_eq!(weights(&Channels::Discrete(4), 4), [0.25; 4]);
        // A header that contradicts the samples.
        assert_eq!(weights(&CHANNEL_LAYOUT_5P1, 4), [0.25; 4]);
    }
}
