//! A small seeded generator for sampling: the same seed gives the same text everywhere.

/// SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom
/// number generators", OOPSLA 2014).
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// An index drawn with probability ∝ exp(logprob / temperature); `None` when all are impossible.
    pub fn categorical(&mut self, logprobs: &[f32], temperature: f32) -> Option<u32> {
        let max = logprobs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if max == f32::NEG_INFINITY {
            return None;
        }
        let weight = |p: f32| f64::from((p - max) / temperature).exp();
        let total: f64 = logprobs.iter().map(|p| weight(*p)).sum();
        let mut left = self.uniform() * total;
        let mut last = None;
        for (i, p) in logprobs.iter().enumerate() {
            let w = weight(*p);
            if w > 0.0 {
                last = Some(i as u32);
                if left < w {
                    return last;
                }
                left -= w;
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_distribution() {
        let logprobs = [0.5f32.ln(), f32::NEG_INFINITY, 0.3f32.ln(), 0.2f32.ln()];
        let mut rng = Rng::new(1);
        let mut counts = [0usize; 4];
        for _ in 0..20_000 {
            counts[rng.categorical(&logprobs, 1.0).unwrap() as usize] += 1;
        }
        assert_eq!(counts[1], 0);
        for (count, share) in counts.iter().zip([0.5, 0.0, 0.3, 0.2]) {
            assert!((*count as f64 / 20_000.0 - share).abs() < 0.02, "{counts:?}");
        }
        assert_eq!(Rng::new(0).categorical(&[f32::NEG_INFINITY; 3], 1.0), None);
    }

    #[test]
    fn first_outputs_are_the_published_ones() {
        let mut rng = Rng::new(1234567);
        assert_eq!(rng.next_u64(), 6457827717110365317);
        assert_eq!(rng.next_u64(), 3203168211198807973);
    }
}
