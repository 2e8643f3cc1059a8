//! The eleven numbers at the head of a Whisper file, with limits.
//!
//! Bytes 4..48 of a legacy ggml file enter, [`Hparams`] leave. Everything after (vocabulary ids,
//! tensor shapes, memory) is derived from these numbers, so a number outside its limits is refused
//! here, before it can size anything.

use crate::cursor::Cursor;
use crate::error::ErrorKind;

/// The dimensions of a Whisper model. Names as in OpenAI's `ModelDimensions` and whisper.cpp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hparams {
    /// Tokens of the vocabulary, special tokens and timestamps included.
    pub n_vocab: usize,
    /// Positions of the encoder's output for a full window (1500: one each 20 ms of 30 s).
    pub n_audio_ctx: usize,
    /// Width of the encoder.
    pub n_audio_state: usize,
    /// Attention heads of the encoder.
    pub n_audio_head: usize,
    /// Layers of the encoder.
    pub n_audio_layer: usize,
    /// Positions of the decoder (448).
    pub n_text_ctx: usize,
    /// Width of the decoder; equal to the encoder's.
    pub n_text_state: usize,
    /// Attention heads of the decoder.
    pub n_text_head: usize,
    /// Layers of the decoder.
    pub n_text_layer: usize,
    /// Mel bands (80, or 128 since large-v3).
    pub n_mels: usize,
    /// The file's type number as written: `version * 1000 + type`. See [`Hparams::ftype_base`].
    pub ftype: u32,
}

/// Inclusive limits of one field, and the reason for them.
struct Limit {
    field: &'static str,
    range: std::ops::RangeInclusive<usize>,
    why: &'static str,
}

const fn limit(field: &'static str, low: usize, high: usize, why: &'static str) -> Limit {
    Limit { field, range: low..=high, why }
}

/// In the order of the file.
const LIMITS: [Limit; 10] = [
    limit(
        "n_vocab",
        51864,
        51866,
        "51864 (English), 51865 (99 languages) and 51866 (100 languages) exist; \
         the special tokens' ids follow from it and from nothing else",
    ),
    limit("n_audio_ctx", 8, 1500, "the 1501 timestamp tokens of 20 ms reach to position 1500 and no further"),
    limit("n_audio_state", 16, 4096, "the largest Whisper is 1280 wide"),
    limit("n_audio_head", 1, 256, "a head is 8 to 128 wide"),
    limit("n_audio_layer", 1, 64, "the largest Whisper has 32 layers"),
    limit("n_text_ctx", 16, 4096, "every Whisper has 448"),
    limit("n_text_state", 16, 4096, "the largest Whisper is 1280 wide"),
    limit("n_text_head", 1, 256, "a head is 8 to 128 wide"),
    limit("n_text_layer", 1, 64, "the largest Whisper has 32 layers"),
    limit("n_mels", 8, 256, "80 and 128 exist, and a 400-point transform has 201 bins"),
];

/// Where the first field stands: after the magic number.
const FIRST_FIELD: u64 = 4;

impl Hparams {
    /// Reads the eleven numbers and checks them against the limits and each other.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Hparams, ErrorKind> {
        let mut raw = [0i32; 11];
        for (i, value) in raw.iter_mut().enumerate() {
            *value = cursor.i32(&|| match LIMITS.get(i) {
                Some(limit) => format!("header field {}", limit.field),
                None => "header field ftype".to_string(),
            })?;
        }
        Hparams::from_raw(raw)
    }

    fn from_raw(raw: [i32; 11]) -> Result<Hparams, ErrorKind> {
        let mut checked = [0usize; 10];
        for (i, limit) in LIMITS.iter().enumerate() {
            checked[i] = usize::try_from(raw[i]).ok().filter(|n| limit.range.contains(n)).ok_or_else(|| {
                let (low, high) = (limit.range.start(), limit.range.end());
                header_error(i, raw[i].into(), format!("{low} to {high} allowed ({})", limit.why))
            })?;
        }
        let ftype = u32::try_from(raw[10])
            .map_err(|_| header_error(10, raw[10].into(), "a type number cannot be negative".to_string()))?;
        let [
            n_vocab,
            n_audio_ctx,
            n_audio_state,
            n_audio_head,
            n_audio_layer,
            n_text_ctx,
            n_text_state,
            n_text_head,
            n_text_layer,
            n_mels,
        ] = checked;
        let hparams = Hparams {
            n_vocab,
            n_audio_ctx,
            n_audio_state,
            n_audio_head,
            n_audio_layer,
            n_text_ctx,
            n_text_state,
            n_text_head,
            n_text_layer,
            n_mels,
            ftype,
        };
        hparams.check_relations()?;
        Ok(hparams)
    }

    /// What no single limit can say: widths equal, heads that divide them.
    fn check_relations(&self) -> Result<(), ErrorKind> {
        if self.n_text_state != self.n_audio_state {
            return Err(header_error(
                6,
                self.n_text_state as i64,
                format!(
                    "must equal n_audio_state ({}), because the decoder attends to the encoder's output",
                    self.n_audio_state
                ),
            ));
        }
        for (index, heads) in [(3, self.n_audio_head), (7, self.n_text_head)] {
            let state = self.n_audio_state;
            let width = state / heads;
            if !state.is_multiple_of(heads) || !width.is_multiple_of(8) || !(8..=128).contains(&width) {
                return Err(header_error(
                    index,
                    heads as i64,
                    format!(
                        "{state} values must divide into heads of 8 to 128 values, a multiple of 8 \
                         (every Whisper has 64)"
                    ),
                ));
            }
        }
        Ok(())
    }

    /// The eleven fields in the order of the file.
    pub(crate) fn to_raw(&self) -> [u32; 11] {
        [
            self.n_vocab,
            self.n_audio_ctx,
            self.n_audio_state,
            self.n_audio_head,
            self.n_audio_layer,
            self.n_text_ctx,
            self.n_text_state,
            self.n_text_head,
            self.n_text_layer,
            self.n_mels,
            self.ftype as usize,
        ]
        .map(|n| n as u32)
    }

    /// Checks dimensions that did not come from a file (a model about to be written) by the same
    /// limits.
    ///
    /// # Errors
    /// The first field that is outside its limits, with the place where it would stand.
    pub fn check(&self) -> Result<(), ErrorKind> {
        let raw = [
            self.n_vocab,
            self.n_audio_ctx,
            self.n_audio_state,
            self.n_audio_head,
            self.n_audio_layer,
            self.n_text_ctx,
            self.n_text_state,
            self.n_text_head,
            self.n_text_layer,
            self.n_mels,
            self.ftype as usize,
        ]
        .map(|n| i32::try_from(n).unwrap_or(-1));
        Hparams::from_raw(raw).map(|_| ())
    }

    /// Values in one head of the encoder's attention (64 in every published model).
    pub fn audio_head_dim(&self) -> usize {
        self.n_audio_state / self.n_audio_head
    }

    /// Values in one head of the decoder's attention (64 in every published model).
    pub fn text_head_dim(&self) -> usize {
        self.n_text_state / self.n_text_head
    }

    /// The ggml file type without the version of the quantisation format: 1 for f16, 9 for q5_1.
    pub fn ftype_base(&self) -> u32 {
        self.ftype % FTYPE_VERSION_FACTOR
    }

    /// The version of the quantisation format: 2 in today's quantised files, 0 in f32 and f16.
    pub fn ftype_version(&self) -> u32 {
        self.ftype / FTYPE_VERSION_FACTOR
    }

    /// Whether the vocabulary has more than English.
    pub fn is_multilingual(&self) -> bool {
        self.n_vocab >= 51865
    }

    /// The published size that these dimensions belong to ("tiny", "base", "small", "medium",
    /// "large", "large-v3", "turbo", "distil-…"), "nano" for the 256-wide test model, or "custom".
    ///
    /// large-v1 and large-v2 have the same dimensions and are both "large".
    pub fn size_name(&self) -> &'static str {
        let v3 = self.n_mels == 128;
        match (self.n_audio_state, self.n_audio_layer, self.n_text_layer) {
            (256, 3, 3) => "nano",
            (384, 4, 4) => "tiny",
            (512, 6, 6) => "base",
            (768, 12, 12) => "small",
            (1024, 24, 24) => "medium",
            (1280, 32, 32) if v3 => "large-v3",
            (1280, 32, 32) => "large",
            (1280, 32, 4) if v3 => "turbo",
            (768, 12, n) if n < 12 => "distil-small",
            (1024, 24, n) if n < 24 => "distil-medium",
            (1280, 32, n) if n < 32 && v3 => "distil-large-v3",
            (1280, 32, n) if n < 32 => "distil-large-v2",
            _ => "custom",
        }
    }

    /// [`Hparams::size_name`] with ".en" for the English-only vocabulary, as models are published:
    /// "tiny.en", "base", "large-v3".
    pub fn display_name(&self) -> String {
        let english = if self.is_multilingual() { "" } else { ".en" };
        format!("{}{english}", self.size_name())
    }
}

/// A quantised file's ftype is `2 * 1000 + type` (`GGML_QNT_VERSION`, `GGML_QNT_VERSION_FACTOR`
/// in ggml.h).
pub(crate) const FTYPE_VERSION_FACTOR: u32 = 1000;

fn header_error(index: usize, value: i64, expected: String) -> ErrorKind {
    ErrorKind::Header {
        field: LIMITS.get(index).map_or("ftype", |limit| limit.field),
        offset: FIRST_FIELD + 4 * index as u64,
        value,
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY_EN: [i32; 11] = [51864, 1500, 384, 6, 4, 448, 384, 6, 4, 80, 1];

    fn with(index: usize, value: i32) -> Result<Hparams, ErrorKind> {
        let mut raw = TINY_EN;
        raw[index] = value;
        Hparams::from_raw(raw)
    }

    #[test]
    fn names_follow_from_the_dimensions() {
        let name = |n_vocab, state, heads, la, lt, mels| {
            let raw = [n_vocab, 1500, state, heads, la, 448, state, heads, lt, mels, 1];
            Hparams::from_raw(raw).unwrap().display_name()
        };
        assert_eq!(name(51864, 384, 6, 4, 4, 80), "tiny.en");
        assert_eq!(name(51865, 512, 8, 6, 6, 80), "base");
        assert_eq!(name(51865, 1280, 20, 32, 32, 80), "large");
        assert_eq!(name(51866, 1280, 20, 32, 32, 128), "large-v3");
        assert_eq!(name(51866, 1280, 20, 32, 4, 128), "turbo");
        assert_eq!(name(51866, 1280, 20, 32, 2, 128), "distil-large-v3");
        assert_eq!(name(51864, 1024, 16, 24, 2, 80), "distil-medium.en");
        assert_eq!(name(51865, 512, 8, 6, 5, 80), "custom");
    }

    #[test]
    fn ftype_splits_into_version_and_type() {
        let hparams = with(10, 2009).unwrap();
        assert_eq!((hparams.ftype_version(), hparams.ftype_base()), (2, 9));
    }

    #[test]
    fn each_field_has_its_limits() {
        for (i, limit) in LIMITS.iter().enumerate() {
            for bad in [0, -1, i32::MAX, i32::MIN, *limit.range.end() as i32 + 1] {
                let Err(ErrorKind::Header { field, value, offset, .. }) = with(i, bad) else {
                    panic!("{} = {bad} was accepted", limit.field);
                };
                assert_eq!((field, value), (limit.field, bad.into()));
                assert_eq!(offset, 4 + 4 * i as u64);
            }
        }
        assert!(matches!(with(10, -1), Err(ErrorKind::Header { field: "ftype", .. })));
    }

    #[test]
    fn heads_must_divide_the_width() {
        assert!(matches!(with(3, 5), Err(ErrorKind::Header { field: "n_audio_head", .. })));
        assert!(matches!(with(7, 1), Err(ErrorKind::Header { field: "n_text_head", .. })));
        assert!(matches!(with(6, 512), Err(ErrorKind::Header { field: "n_text_state", .. })));
        assert_eq!(with(3, 12).unwrap().audio_head_dim(), 32);
    }

    #[test]
    fn check_agrees_with_the_reader() {
        let mut hparams = with(10, 1).unwrap();
        assert!(hparams.check().is_ok());
        hparams.n_mels = 7;
        assert!(hparams.check().is_err());
    }
}
