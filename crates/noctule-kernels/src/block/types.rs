//! The tensor types of ggml files: their ids, names and sizes.
//!
//! A number from a file enters, a [`GgmlType`] leaves. Readers use it to check sizes before any
//! block is touched; the unpackers in the sibling modules know what the bytes of each type mean.
//!
//! Source of every id, size and file type: `enum ggml_type` and `enum ggml_ftype` in `ggml.h` and
//! the block structures in `ggml-common.h` (ggml in whisper.cpp v1.9.3).

/// A tensor type of ggml.
///
/// Values of two or more bytes are little-endian. `d` stands for a scale and `m` for an offset,
/// both IEEE binary16 unless said otherwise. "Low nibbles first" means that the low four bits of
/// byte `j` hold weight `j` and the high four bits hold weight `j + n/2` of the `n` weights that
/// these bytes cover.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum GgmlType {
    /// IEEE binary32, one weight in 4 bytes.
    F32,
    /// IEEE binary16, one weight in 2 bytes.
    F16,
    /// 32 weights in 18 bytes: `d`, 16 bytes of low nibbles first. `w = d·(q − 8)`.
    Q4_0,
    /// 32 weights in 20 bytes: `d`, `m`, 16 bytes of low nibbles first. `w = d·q + m`.
    Q4_1,
    /// 32 weights in 22 bytes: `d`, 4 bytes whose bit `j` is bit 4 of weight `j`, 16 bytes of low
    /// nibbles first. `w = d·(q − 16)`.
    Q5_0,
    /// 32 weights in 24 bytes: `d`, `m`, then as [`GgmlType::Q5_0`]. `w = d·q + m`.
    Q5_1,
    /// 32 weights in 34 bytes: `d`, 32 signed bytes. `w = d·q`.
    Q8_0,
    /// 32 values in 36 bytes: `d`, `s = d·Σq`, 32 signed bytes. `x = d·q`. An activation type.
    Q8_1,
    /// 256 weights in 84 bytes: 16 bytes (scale in the low nibble, minimum in the high nibble of
    /// each group of 16), 64 bytes of 2-bit codes, `d`, `dmin`. Byte `32·h + l` of the codes holds,
    /// from its low bits up, weights `l`, `l + 32`, `l + 64` and `l + 96` of half `h`.
    /// `w = d·scale·q − dmin·minimum`.
    Q2_K,
    /// 256 weights in 110 bytes: 32 bytes of high bits (bit `4·h + j` of byte `l` belongs to weight
    /// `128·h + 32·j + l`; a clear bit subtracts 4), 64 bytes of 2-bit codes as in
    /// [`GgmlType::Q2_K`], 12 bytes with sixteen 6-bit scales biased by 32, `d`.
    /// `w = d·(scale − 32)·(q − 4·¬high)`.
    Q3_K,
    /// 256 weights in 144 bytes: `d`, `dmin`, 12 bytes with eight 6-bit scales and eight 6-bit
    /// minima, 128 bytes of nibbles; each 32 bytes cover 64 weights, low nibbles first.
    /// `w = d·scale·q − dmin·minimum`, in groups of 32.
    Q4_K,
    /// 256 weights in 176 bytes: `d`, `dmin`, 12 bytes of scales and minima as in
    /// [`GgmlType::Q4_K`], 32 bytes of high bits (bit `j` of byte `l` belongs to weight
    /// `32·j + l`), 128 bytes of nibbles. `w = d·scale·q − dmin·minimum`, in groups of 32.
    Q5_K,
    /// 256 weights in 210 bytes: 128 bytes of low nibbles, 64 bytes of upper bit pairs, 16 signed
    /// scales, `d`. In half `h`, weight `32·j + l` takes the low (`j < 2`) or high nibble of byte
    /// `64·h + 32·(j mod 2) + l` and bits `2j`, `2j + 1` of upper byte `32·h + l`.
    /// `w = d·scale·(q − 32)`, in groups of 16.
    Q6_K,
    /// 256 values in 292 bytes: `d` as binary32, 256 signed bytes, sixteen 16-bit sums of 16.
    /// `x = d·q`. An activation type.
    Q8_K,
    /// 256 weights in 66 bytes: `d`, then 8 bytes for each 32 weights: four grid indices, and a
    /// 32-bit word with four 7-bit sign indices and a 4-bit scale on top.
    /// `w = ±d·(scale + ½)/4·grid`.
    IQ2_XXS,
    /// 256 weights in 74 bytes: `d`, 32 words of 16 bits (9-bit grid index, 7-bit sign index), 8
    /// bytes of 4-bit scales, low nibble first. `w = ±d·(scale + ½)/4·grid`, in groups of 16.
    IQ2_XS,
    /// 256 weights in 98 bytes: `d`, 64 grid indices for 4 weights each, eight 32-bit words with
    /// four 7-bit sign indices and a 4-bit scale on top. `w = ±d·(scale + ½)/2·grid`.
    IQ3_XXS,
    /// 256 weights in 50 bytes: `d`, 32 low bytes of 11-bit grid indices, eight 16-bit words with
    /// four 3-bit high parts, a 3-bit scale and the sign of the shift ⅛.
    /// `w = d·(2·scale + 1)·(grid ± ⅛)`.
    IQ1_S,
    /// 32 weights in 18 bytes: `d`, 16 bytes of low nibbles first, each an index into 16 fixed
    /// values. `w = d·value`.
    IQ4_NL,
    /// 256 weights in 110 bytes: `d`, 64 low bytes of 9-bit grid indices for 4 weights each, 8
    /// bytes of their high bits, 32 bytes of signs, 4 bytes of 4-bit scales, low nibble first.
    /// `w = ±d·(2·scale + 1)·grid`, in groups of 32.
    IQ3_S,
    /// 256 weights in 82 bytes: `d`, 32 low bytes of 10-bit grid indices, 32 bytes of signs, 8
    /// bytes of high bit pairs, 8 bytes of 4-bit scales, low nibble first.
    /// `w = ±d·(scale + ½)/4·grid`, in groups of 16.
    IQ2_S,
    /// 256 weights in 136 bytes: `d`, a 16-bit word with eight high bit pairs of the scales, 4
    /// bytes of their low nibbles, 128 bytes of nibbles; each 16 bytes cover 32 weights as in
    /// [`GgmlType::IQ4_NL`]. `w = d·(scale − 32)·value`.
    IQ4_XS,
    /// 256 weights in 56 bytes: 32 low bytes of 11-bit grid indices, 16 bytes with two 3-bit high
    /// parts and two signs of the shift ⅛, four 16-bit words with four 3-bit scales each and a
    /// nibble of the binary16 `d` on top. `w = d·(2·scale + 1)·(grid ± ⅛)`, scales for groups of
    /// 16, shifts for groups of 8.
    IQ1_M,
    /// The upper half of an IEEE binary32, one weight in 2 bytes.
    BF16,
    /// 256 weights in 54 bytes: 48 bytes of five base-3 digits, 4 bytes of four, `d`.
    /// `w = d·(digit − 1)`.
    TQ1_0,
    /// 256 weights in 66 bytes: 64 bytes of 2-bit codes, `d`. Byte `32·h + l` holds, from its low
    /// bits up, weights `l`, `l + 32`, `l + 64` and `l + 96` of half `h`. `w = d·(q − 1)`.
    TQ2_0,
    /// 32 weights in 17 bytes: a power of two (E8M0), 16 bytes of E2M1 codes, low nibbles first
    /// (OCP Microscaling Formats 1.0).
    MXFP4,
    /// 64 weights in 36 bytes: four unsigned E4M3 scales, four times 8 bytes of E2M1 codes; each 8
    /// bytes cover 16 weights, low nibbles first.
    NVFP4,
    /// 128 weights in 18 bytes: `d`, 16 bytes of bits, lowest first. `w = d` for a set bit, `−d`
    /// for a clear one.
    Q1_0,
    /// 64 weights in 18 bytes: `d`, 16 bytes of 2-bit codes, lowest first. `w = d·(q − 1)`.
    Q2_0,
}

use GgmlType::*;

/// What `ggml.h` says about one type.
struct Facts {
    id: u32,
    name: &'static str,
    block_len: usize,
    block_bytes: usize,
    ftype: Option<u32>,
}

impl GgmlType {
    /// Every type, by ascending id.
    pub const ALL: [GgmlType; 30] = [
        F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q8_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, Q8_K, IQ2_XXS, IQ2_XS, IQ3_XXS,
        IQ1_S, IQ4_NL, IQ3_S, IQ2_S, IQ4_XS, IQ1_M, BF16, TQ1_0, TQ2_0, MXFP4, NVFP4, Q1_0, Q2_0,
    ];

    const fn facts(self) -> Facts {
        let (id, name, block_len, block_bytes, ftype) = match self {
            F32 => (0, "f32", 1, 4, Some(0)),
            F16 => (1, "f16", 1, 2, Some(1)),
            Q4_0 => (2, "q4_0", 32, 18, Some(2)),
            Q4_1 => (3, "q4_1", 32, 20, Some(3)),
            Q5_0 => (6, "q5_0", 32, 22, Some(8)),
            Q5_1 => (7, "q5_1", 32, 24, Some(9)),
            Q8_0 => (8, "q8_0", 32, 34, Some(7)),
            Q8_1 => (9, "q8_1", 32, 36, None),
            Q2_K => (10, "q2_k", 256, 84, Some(10)),
            Q3_K => (11, "q3_k", 256, 110, Some(11)),
            Q4_K => (12, "q4_k", 256, 144, Some(12)),
            Q5_K => (13, "q5_k", 256, 176, Some(13)),
            Q6_K => (14, "q6_k", 256, 210, Some(14)),
            Q8_K => (15, "q8_k", 256, 292, None),
            IQ2_XXS => (16, "iq2_xxs", 256, 66, Some(15)),
            IQ2_XS => (17, "iq2_xs", 256, 74, Some(16)),
            IQ3_XXS => (18, "iq3_xxs", 256, 98, Some(17)),
            IQ1_S => (19, "iq1_s", 256, 50, Some(18)),
            IQ4_NL => (20, "iq4_nl", 32, 18, Some(19)),
            IQ3_S => (21, "iq3_s", 256, 110, Some(20)),
            IQ2_S => (22, "iq2_s", 256, 82, Some(21)),
            IQ4_XS => (23, "iq4_xs", 256, 136, Some(22)),
            IQ1_M => (29, "iq1_m", 256, 56, Some(23)),
            BF16 => (30, "bf16", 1, 2, Some(24)),
            TQ1_0 => (34, "tq1_0", 256, 54, None),
            TQ2_0 => (35, "tq2_0", 256, 66, None),
            MXFP4 => (39, "mxfp4", 32, 17, Some(25)),
            NVFP4 => (40, "nvfp4", 64, 36, Some(26)),
            Q1_0 => (41, "q1_0", 128, 18, Some(27)),
            Q2_0 => (42, "q2_0", 64, 18, Some(28)),
        };
        Facts { id, name, block_len, block_bytes, ftype }
    }

    /// The type with this id in a tensor header, or `None` for a removed or unknown id.
    pub fn from_id(id: u32) -> Option<GgmlType> {
        Self::ALL.into_iter().find(|ty| ty.id() == id)
    }

    /// The id of the type in a tensor header.
    pub const fn id(self) -> u32 {
        self.facts().id
    }

    /// The name in lower case, such as `"q4_k"`.
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// The type with this name, in any case, or `None`.
    pub fn from_name(name: &str) -> Option<GgmlType> {
        Self::ALL.into_iter().find(|ty| ty.name().eq_ignore_ascii_case(name))
    }

    /// How many weights one block holds.
    pub const fn block_len(self) -> usize {
        self.facts().block_len
    }

    /// How many bytes one block takes.
    pub const fn block_bytes(self) -> usize {
        self.facts().block_bytes
    }

    /// The bytes of a row of `cols` weights, or `None` when `cols` is not a multiple of
    /// [`block_len`](Self::block_len) (blocks never straddle rows) or the size overflows.
    pub const fn row_bytes(self, cols: usize) -> Option<usize> {
        if !cols.is_multiple_of(self.block_len()) {
            return None;
        }
        (cols / self.block_len()).checked_mul(self.block_bytes())
    }

    /// Bits per weight, scales included.
    pub const fn bits_per_weight(self) -> f64 {
        (self.block_bytes() * 8) as f64 / self.block_len() as f64
    }

    /// Whether model files may hold weights of this type. `q8_1` and `q8_k` exist for activations
    /// only.
    pub const fn is_weight(self) -> bool {
        !matches!(self, Q8_1 | Q8_K)
    }

    /// The `ftype` number that a whisper.cpp file header holds for a model of this type, without
    /// the quantisation version that is added in thousands; `None` when ggml defines none.
    pub const fn ftype(self) -> Option<u32> {
        self.facts().ftype
    }

    /// The type that an `ftype` number stands for; the caller removes the thousands first.
    pub fn from_ftype(ftype: u32) -> Option<GgmlType> {
        Self::ALL.into_iter().find(|ty| ty.ftype() == Some(ftype))
    }
}

impl std::fmt::Display for GgmlType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_names_and_ftypes_lead_back() {
        for ty in GgmlType::ALL {
            assert_eq!(GgmlType::from_id(ty.id()), Some(ty));
            assert_eq!(GgmlType::from_name(ty.name()), Some(ty));
            assert_eq!(
                GgmlType::from_name(&ty.name().to_uppercase()),
                Some(ty),
                "ggml writes some names with a capital K"
            );
            if let Some(ftype) = ty.ftype() {
                assert_eq!(GgmlType::from_ftype(ftype), Some(ty));
            }
        }
        assert!(GgmlType::ALL.is_sorted_by_key(|ty| ty.id()));
    }

    #[test]
    fn removed_ids_are_refused() {
        for id in [4, 5, 24, 28, 31, 32, 33, 36, 37, 38, 43, u32::MAX] {
            assert_eq!(GgmlType::from_id(id), None, "id {id}");
        }
        for ftype in [4, 5, 6, 29, 1000] {
            assert_eq!(GgmlType::from_ftype(ftype), None, "ftype {ftype}");
        }
        assert_eq!(GgmlType::from_name("q4"), None);
    }

    #[test]
    fn rows_hold_whole_blocks() {
        assert_eq!(Q4_K.row_bytes(512), Some(288));
        assert_eq!(Q4_K.row_bytes(384), None);
        assert_eq!(Q8_0.row_bytes(384), Some(408));
        assert_eq!(F32.row_bytes(usize::MAX), None);
        assert_eq!(F16.row_bytes(0), Some(0));
    }
}
