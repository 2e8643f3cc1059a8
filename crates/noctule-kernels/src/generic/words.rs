//! From rows of floats to words, integers of 16 bits, for products that 8 bits are too coarse for.
//!
//! Where a processor multiplies bytes no more than twice as fast as words, one product of words costs less than the three
//! of codes and what their rounding lost. Groups are spread before, as those of [codes](super::codes).

use super::math::ROUND;

/// Partial results that run side by side.
const LANES: usize = 16;

/// The most that a word may be, and the length, as a vector, of a group of words. By the inequality of Cauchy and Schwarz
/// the sum of products of two groups is at most the product of their lengths, 46008² with what rounding adds: below 2³¹.
const LARGEST: f32 = 32_700.0;
const LONGEST: f32 = 46_000.0;

/// Rounds each group of a row to integers of 16 bits, to nearest, ties to even, that are as large as sums of 32 bits
/// allow; a group of nothing but tiny numbers becomes zero, and so does one with a NaN. The result is the same on every
/// tier.
pub(crate) fn encode(x: &[f32], group: usize, q: &mut [i16], scales: &mut [f32]) {
    assert!(group.is_multiple_of(LANES) && group <= 256 && x.len().is_multiple_of(group) && x.len() == q.len());
    let groups = x.chunks_exact(group).zip(q.chunks_exact_mut(group));
    for ((x, q), scale) in groups.zip(scales) {
        let (parts, _) = x.as_chunks::<LANES>();
        // Without their signs floats are in the order of their bits. A NaN is above all, and the length is NaN, too.
        let mut tops = [0; LANES];
        for part in parts {
            for (top, x) in tops.iter_mut().zip(part) {
                *top = x.abs().to_bits().max(*top);
            }
        }
        let top = f32::from_bits(tops.into_iter().fold(0, u32::max));
        // Relative to the largest, squares cannot overflow.
        let inverse = 1.0 / top;
        let mut squares = [0f32; LANES];
        for part in parts {
            for (square, x) in squares.iter_mut().zip(part) {
                *square += (x * inverse) * (x * inverse);
            }
        }
        let length = squares.iter().sum::<f32>().sqrt();
        if top < 1e-33 || length.is_nan() {
            q.fill(0);
            *scale = 0.0;
            continue;
        }
        let largest = LARGEST.min(LONGEST / length);
        let inverse = largest / top;
        for (x, q) in parts.iter().zip(q.as_chunks_mut::<LANES>().0) {
            for (x, q) in x.iter().zip(q) {
                // The low bits of the sum are the integer.
                *q = (x * inverse + ROUND).to_bits() as i16;
            }
        }
        *scale = top / largest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(len: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 37 + i * i * 11) % 101) as f32 / 50.0 - 1.0).collect()
    }

    #[test]
    fn words_are_the_row_and_their_sums_fit() {
        let mut row = numbers(512);
        (row[300], row[400]) = (1e6, f32::NAN);
        row[..256].iter_mut().for_each(|x| *x *= 1e30);
        let (mut q, mut scales) = (vec![1; 512], [1.0; 4]);
        encode(&row, 128, &mut q, &mut scales);
        for (g, (x, q)) in row.chunks(128).zip(q.chunks(128)).enumerate().take(3) {
            let length = q.iter().map(|&q| f64::from(q).powi(2)).sum::<f64>();
            assert!(length < f64::from(i32::MAX) && length > 1e9, "{length}");
            for (&x, &q) in x.iter().zip(q) {
                assert!((f32::from(q) * scales[g] - x).abs() <= 0.501 * scales[g], "{x}: {q}");
            }
        }
        assert_eq!((scales[3], &q[384..]), (0.0, &[0; 128][..]));
        encode(&[1e-38; 64], 64, &mut q[..64], &mut scales);
        assert_eq!((scales[0], &q[..64]), (0.0, &[0; 64][..]));
    }
}
