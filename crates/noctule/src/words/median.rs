//! Running median along the frames: takes single spikes out of attention weights.
//!
//! Width 7, the width that alignment uses, sorts eight windows at once with
//! branch-free exchanges, which compilers turn into vector minima and maxima;
//! other widths sort each window.

/// Windows that the width-7 path filters at once.
const LANES: usize = 8;

/// Exchanges after which the fourth of seven values is their median
/// (J. L. Smith's network as given by N. Devillard, "Fast median search", 1998).
const MEDIAN_OF_7: [(usize, usize); 13] =
    [(0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6), (2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4)];

/// Writes the median of the `width` values around each value of `input` to `output`.
///
/// `width` is odd (an even width counts as the next odd one). The ends are
/// mirrored without repeating the end value, as torch's reflect padding does.
/// Input no longer than `width / 2` is copied, as in OpenAI's `median_filter`.
/// `padded` is a buffer. `output` is resized to the length of `input`.
pub fn median_filter(input: &[f32], width: usize, padded: &mut Vec<f32>, output: &mut Vec<f32>) {
    output.clear();
    let reach = width / 2;
    if reach == 0 || input.len() <= reach {
        output.extend_from_slice(input);
        return;
    }
    padded.clear();
    padded.extend(input[1..=reach].iter().rev());
    padded.extend_from_slice(input);
    padded.extend(input[input.len() - 1 - reach..input.len() - 1].iter().rev());
    output.resize(input.len(), 0.0);
    let filtered = if reach == 3 { median_of_7(padded, output) } else { 0 };
    let mut window = Vec::with_capacity(2 * reach + 1);
    for (at, out) in output.iter_mut().enumerate().skip(filtered) {
        window.clear();
        window.extend_from_slice(&padded[at..=at + 2 * reach]);
        *out = *window.select_nth_unstable_by(reach, f32::total_cmp).1;
    }
}

/// Filters as many values as fill whole groups of lanes; returns how many.
fn median_of_7(padded: &[f32], output: &mut [f32]) -> usize {
    let mut done = 0;
    for out in output.chunks_exact_mut(LANES) {
        let source = &padded[done..done + LANES + 6];
        let mut lanes = [[0.0f32; LANES]; 7];
        for (shift, lane) in lanes.iter_mut().enumerate() {
            lane.copy_from_slice(&source[shift..shift + LANES]);
        }
        for (low, high) in MEDIAN_OF_7 {
            let (a, b) = (lanes[low], lanes[high]);
            for i in 0..LANES {
                lanes[low][i] = if a[i] < b[i] { a[i] } else { b[i] };
                lanes[high][i] = if a[i] < b[i] { b[i] } else { a[i] };
            }
        }
        out.copy_from_slice(&lanes[3]);
        done += LANES;
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filter(input: &[f32], width: usize) -> Vec<f32> {
        let mut output = vec![9.0; 3];
        median_filter(input, width, &mut Vec::new(), &mut output);
        output
    }

    #[test]
    fn mirrors_the_ends() {
        // Windows of 3 over 5 | 1 5 2 9 | 2.
        assert_eq!(filter(&[1.0, 5.0, 2.0, 9.0], 3), [5.0, 2.0, 5.0, 2.0]);
    }

    #[test]
    fn spikes_vanish_and_steps_stay() {
        let mut steps = [0.0; 24];
        steps[12..].fill(1.0);
        let mut spiked = steps;
        spiked[4] = 50.0;
        spiked[18] = -50.0;
        assert_eq!(filter(&spiked, 7), steps);
    }

    #[test]
    fn short_input_is_copied() {
        assert_eq!(filter(&[3.0, 1.0, 2.0], 7), [3.0, 1.0, 2.0]);
        assert_eq!(filter(&[], 7), [0.0f32; 0]);
        assert_eq!(filter(&[2.0, 1.0], 1), [2.0, 1.0]);
    }

    /// A network that selects the median of all 0-1 inputs selects it of all inputs.
    #[test]
    fn the_network_selects_the_median() {
        for bits in 0u32..128 {
            let mut values: [u32; 7] = std::array::from_fn(|i| bits >> i & 1);
            for (low, high) in MEDIAN_OF_7 {
                (values[low], values[high]) = (values[low].min(values[high]), values[low].max(values[high]));
            }
            assert_eq!(values[3], u32::from(bits.count_ones() >= 4), "{bits:07b}");
        }
    }

    proptest! {
        #[test]
        fn equals_sorting(input in prop::collection::vec(-100i16..100, 4..60), half in 1usize..5) {
            prop_assume!(input.len() > half);
            let input: Vec<f32> = input.into_iter().map(f32::from).collect();
            let last = input.len() as isize - 1;
            let expected: Vec<f32> = (0..=last).map(|centre| {
                let mut window: Vec<f32> = (centre - half as isize..=centre + half as isize)
                    .map(|i| input[(last - (last - i.abs()).abs()) as usize])
                    .collect();
                window.sort_by(f32::total_cmp);
                window[half]
            }).collect();
            prop_assert_eq!(filter(&input, 2 * half + 1), expected);
        }
    }
}
