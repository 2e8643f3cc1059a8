//! How rows are cut into groups that share a scale when they are rounded to 8 bits.

use crate::generic::codes;

/// The longest group. Shorter ones are more exact and cost more: every group ends in floats.
const LONGEST: usize = 256;

/// Rows and groups are padded to a multiple of this, with zeros.
const PAD: usize = 64;

/// The groups of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Grouping {
    /// Codes in a row, padding included.
    pub(super) k: usize,
    /// Codes in a group: a power of two, or a head's padded depth.
    pub(super) len: usize,
    /// Whether groups are spread; see [`codes::spread`].
    pub(super) spread: bool,
}

impl Grouping {
    /// The groups of the operands of a product with `cols` inputs.
    pub(super) fn of_product(cols: usize) -> Self {
        let k = cols.next_multiple_of(PAD);
        let len = (1 << k.trailing_zeros()).min(LONGEST);
        Self { k, len, spread: true }
    }

    /// One group for each of `heads` heads of `depth` numbers: queries and keys.
    pub(super) fn of_heads(heads: usize, depth: usize) -> Self {
        let len = depth.next_multiple_of(PAD);
        Self { k: heads * len, len, spread: len.is_power_of_two() }
    }

    /// One group, as it is.
    pub(super) fn whole(cols: usize) -> Self {
        let len = cols.next_multiple_of(PAD);
        Self { k: len, len, spread: false }
    }

    pub(super) fn groups(self) -> usize {
        self.k / self.len
    }

    /// What the scales of one operand are multiplied by to undo what spreading adds.
    pub(super) fn correction(self) -> f32 {
        if self.spread { 1.0 / codes::gain(self.len) as f32 } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_fit_every_width() {
        for (cols, k, len) in [(384, 384, 128), (512, 512, 256), (768, 768, 256), (1280, 1280, 256), (240, 256, 256)] {
            let grouping = Grouping::of_product(cols);
            assert_eq!((grouping.k, grouping.len), (k, len), "{cols}");
            assert!(grouping.k.is_multiple_of(grouping.len));
        }
        assert_eq!(Grouping::of_product(64).correction(), 0.25);
        let heads = Grouping::of_heads(3, 20);
        assert_eq!((heads.k, heads.groups(), heads.correction()), (192, 3, 0.25));
        assert_eq!(Grouping::of_heads(2, 80).correction(), 0.125);
        assert_eq!((Grouping::of_heads(2, 130).len, Grouping::of_heads(2, 130).correction()), (192, 1.0));
        assert_eq!((Grouping::whole(64).groups(), Grouping::whole(64).correction()), (1, 1.0));
    }
}
