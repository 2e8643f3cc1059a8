//! Which cross-attention heads follow the audio closely enough to place words in time.
//!
//! Enters: a model's published name, or its dimensions. Leaves: `(text layer,
//! head)` pairs whose attention weights [`words`](crate::words) aligns. The sets
//! are those of OpenAI's package (whisper/\_\_init\_\_.py, `_ALIGNMENT_HEADS`,
//! release 20250625: base85 of gzipped boolean arrays); whisper.cpp's presets
//! hold the same pairs. They were found by inspection of attention maps and cannot be
//! derived from the weights.

/// `(text layer, head)`, both from 0.
pub type Head = (usize, usize);

const TINY_EN: &[Head] = &[(1, 0), (2, 0), (2, 5), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)];
const TINY: &[Head] = &[(2, 2), (3, 0), (3, 2), (3, 3), (3, 4), (3, 5)];
const BASE_EN: &[Head] = &[(3, 3), (4, 7), (5, 1), (5, 5), (5, 7)];
const BASE: &[Head] = &[(3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6)];
#[rustfmt::skip]
const SMALL_EN: &[Head] = &[
    (6, 6), (7, 0), (7, 3), (7, 8), (8, 2), (8, 5), (8, 7), (9, 0), (9, 4), (9, 8), (9, 10), (10, 0), (10, 1), (10, 2),
    (10, 3), (10, 6), (10, 11), (11, 2), (11, 4),
];
const SMALL: &[Head] = &[(5, 3), (5, 9), (8, 0), (8, 4), (8, 7), (8, 8), (9, 0), (9, 7), (9, 9), (10, 5)];
#[rustfmt::skip]
const MEDIUM_EN: &[Head] = &[
    (11, 4), (14, 1), (14, 12), (14, 14), (15, 4), (16, 0), (16, 4), (16, 9), (17, 12), (17, 14), (18, 7), (18, 10),
    (18, 15), (20, 0), (20, 3), (20, 9), (20, 14), (21, 12),
];
const MEDIUM: &[Head] = &[(13, 15), (15, 4), (15, 15), (16, 1), (20, 0), (23, 4)];
const LARGE_V1: &[Head] = &[(9, 19), (11, 2), (11, 4), (11, 17), (22, 7), (22, 11), (22, 17), (23, 2), (23, 15)];
#[rustfmt::skip]
const LARGE_V2: &[Head] = &[
    (10, 12), (13, 17), (16, 11), (16, 12), (16, 13), (17, 15), (17, 16), (18, 4), (18, 11), (18, 19), (19, 11),
    (21, 2), (21, 3), (22, 3), (22, 9), (22, 12), (23, 5), (23, 7), (23, 13), (25, 5), (26, 1), (26, 12), (27, 15),
];
#[rustfmt::skip]
const LARGE_V3: &[Head] = &[
    (7, 0), (10, 17), (12, 18), (13, 12), (16, 1), (17, 14), (19, 11), (21, 4), (24, 1), (25, 6),
];
const LARGE_V3_TURBO: &[Head] = &[(2, 4), (2, 11), (3, 3), (3, 6), (3, 11), (3, 14)];

/// Vocabulary of the English-only models; everything larger is multilingual.
const ENGLISH_VOCAB: usize = 51864;
/// Vocabulary of large-v3 and its turbo, which know one language more (Cantonese).
const V3_VOCAB: usize = 51866;

/// The dimensions that tell published models apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelDims {
    /// Encoder layers.
    pub n_audio_layer: usize,
    /// Decoder layers.
    pub n_text_layer: usize,
    /// Attention heads of a decoder layer.
    pub n_text_head: usize,
    /// Tokens in the vocabulary, specials included.
    pub n_vocab: usize,
    /// Mel bands.
    pub n_mels: usize,
}

/// The published set of the model called `name`, in order of layer and head.
///
/// Names are OpenAI's: "tiny.en", "tiny", "base.en", "base", "small.en",
/// "small", "medium.en", "medium", "large-v1", "large-v2", "large-v3" (also
/// "large"), "large-v3-turbo" (also "turbo"). `None` for all others, the
/// distilled models included: no set was published for them with the package,
/// and those of their teachers name layers that they lack.
pub fn alignment_heads(name: &str) -> Option<&'static [Head]> {
    Some(match name {
        "tiny.en" => TINY_EN,
        "tiny" => TINY,
        "base.en" => BASE_EN,
        "base" => BASE,
        "small.en" => SMALL_EN,
        "small" => SMALL,
        "medium.en" => MEDIUM_EN,
        "medium" => MEDIUM,
        "large-v1" => LARGE_V1,
        "large-v2" => LARGE_V2,
        "large-v3" | "large" => LARGE_V3,
        "large-v3-turbo" | "turbo" => LARGE_V3_TURBO,
        _ => return None,
    })
}

/// The set for a model of these dimensions.
///
/// large-v1 and large-v2 have the same dimensions. v2 is assumed: it replaced v1
/// under the name "large" until v3 came, so far more files descend from it.
/// Whoever has v1 asks [`alignment_heads`] by name.
///
/// Unknown dimensions (distilled, pruned and newly trained models) get OpenAI's
/// default: all heads of the later half of the text layers.
pub fn heads_for(dims: &ModelDims) -> Vec<Head> {
    match published_name(dims).and_then(alignment_heads) {
        Some(heads) => heads.to_vec(),
        None => default_heads(dims.n_text_layer, dims.n_text_head),
    }
}

/// OpenAI's name of a model of these dimensions, `None` when no published model has them.
///
/// "large-v2" stands for v1 too, see [`heads_for`].
pub fn published_name(dims: &ModelDims) -> Option<&'static str> {
    let english = dims.n_vocab <= ENGLISH_VOCAB;
    let v3 = dims.n_vocab >= V3_VOCAB || dims.n_mels == 128;
    Some(match (dims.n_audio_layer, dims.n_text_layer, dims.n_text_head) {
        (4, 4, 6) if english => "tiny.en",
        (4, 4, 6) => "tiny",
        (6, 6, 8) if english => "base.en",
        (6, 6, 8) => "base",
        (12, 12, 12) if english => "small.en",
        (12, 12, 12) => "small",
        (24, 24, 16) if english => "medium.en",
        (24, 24, 16) => "medium",
        (32, 32, 20) if v3 => "large-v3",
        (32, 32, 20) => "large-v2",
        (32, 4, 20) if v3 => "large-v3-turbo",
        _ => return None,
    })
}

/// All heads of the later half of `layers`; of an odd number the middle layer is included.
fn default_heads(layers: usize, heads: usize) -> Vec<Head> {
    (layers / 2..layers).flat_map(|layer| (0..heads).map(move |head| (layer, head))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, encoder layers, text layers, heads, vocabulary, mel bands, published pairs.
    const PUBLISHED: [(&str, usize, usize, usize, usize, usize, usize); 12] = [
        ("tiny.en", 4, 4, 6, 51864, 80, 8),
        ("tiny", 4, 4, 6, 51865, 80, 6),
        ("base.en", 6, 6, 8, 51864, 80, 5),
        ("base", 6, 6, 8, 51865, 80, 8),
        ("small.en", 12, 12, 12, 51864, 80, 19),
        ("small", 12, 12, 12, 51865, 80, 10),
        ("medium.en", 24, 24, 16, 51864, 80, 18),
        ("medium", 24, 24, 16, 51865, 80, 6),
        ("large-v1", 32, 32, 20, 51865, 80, 9),
        ("large-v2", 32, 32, 20, 51865, 80, 23),
        ("large-v3", 32, 32, 20, 51866, 128, 10),
        ("large-v3-turbo", 32, 4, 20, 51866, 128, 6),
    ];

    fn dims(row: &(&str, usize, usize, usize, usize, usize, usize)) -> ModelDims {
        ModelDims { n_audio_layer: row.1, n_text_layer: row.2, n_text_head: row.3, n_vocab: row.4, n_mels: row.5 }
    }

    #[test]
    fn published_sets_have_their_counts_and_stay_in_range() {
        for row in &PUBLISHED {
            let heads = alignment_heads(row.0).unwrap();
            assert_eq!(heads.len(), row.6, "{}", row.0);
            assert!(heads.iter().all(|&(layer, head)| layer < row.2 && head < row.3), "{}", row.0);
            assert!(heads.is_sorted_by(|a, b| a < b), "{}: ascending, no pair twice", row.0);
        }
    }

    #[test]
    fn dimensions_choose_the_published_set() {
        for row in PUBLISHED.iter().filter(|row| row.0 != "large-v1") {
            assert_eq!(published_name(&dims(row)), Some(row.0));
            assert_eq!(heads_for(&dims(row)), alignment_heads(row.0).unwrap());
        }
    }

    #[test]
    fn large_v1_is_taken_for_v2() {
        let v1 = PUBLISHED.iter().find(|row| row.0 == "large-v1").unwrap();
        assert_eq!(heads_for(&dims(v1)), alignment_heads("large-v2").unwrap());
    }

    #[test]
    fn unknown_models_use_the_later_half() {
        let distilled =
            ModelDims { n_audio_layer: 32, n_text_layer: 2, n_text_head: 3, n_vocab: V3_VOCAB, n_mels: 128 };
        assert_eq!(heads_for(&distilled), [(1, 0), (1, 1), (1, 2)]);
        let odd = ModelDims { n_text_layer: 3, n_text_head: 1, ..distilled };
        assert_eq!(heads_for(&odd), [(1, 0), (2, 0)]);
        assert_eq!(alignment_heads("distil-large-v3"), None);
    }
}
