//! The mel filter bank that stands in a model file.
//!
//! A Whisper file carries the filters it was trained with, so the engine never computes its own.

use crate::cursor::Cursor;
use crate::error::ErrorKind;
use crate::hparams::Hparams;

/// Frequency bins of the 400-point transform that every Whisper uses: 400 / 2 + 1.
const N_FFT_BINS: i32 = 201;

/// Weights from frequency bins to mel bands.
#[derive(Debug, Clone, PartialEq)]
pub struct MelFilters {
    /// Mel bands: `n_mels` of the header.
    pub n_mel: usize,
    /// Frequency bins: 201.
    pub n_fft: usize,
    /// The weights, `n_mel` rows of `n_fft`, all finite.
    pub data: Vec<f32>,
}

impl MelFilters {
    /// Reads the two dimensions and the weights.
    pub(crate) fn read(cursor: &mut Cursor<'_>, hparams: &Hparams) -> Result<MelFilters, ErrorKind> {
        let at = cursor.offset() as u64;
        let n_mel = cursor.i32(&|| "header field filters.n_mel".to_string())?;
        if usize::try_from(n_mel) != Ok(hparams.n_mels) {
            return Err(ErrorKind::Header {
                field: "filters.n_mel",
                offset: at,
                value: n_mel.into(),
                expected: format!("must equal n_mels ({})", hparams.n_mels),
            });
        }
        let n_fft = cursor.i32(&|| "header field filters.n_fft".to_string())?;
        if n_fft != N_FFT_BINS {
            return Err(ErrorKind::Header {
                field: "filters.n_fft",
                offset: at + 4,
                value: n_fft.into(),
                expected: format!("must be {N_FFT_BINS}, the bins of a 400-point transform"),
            });
        }
        let (n_mel, n_fft) = (hparams.n_mels, N_FFT_BINS as usize);
        let bytes = cursor.take(4 * (n_mel * n_fft) as u64, &|| "the mel filters".to_string())?;
        let data: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let filters = MelFilters { n_mel, n_fft, data };
        match filters.first_infinite() {
            None => Ok(filters),
            Some(bad) => Err(ErrorKind::Header {
                field: "filters.data",
                offset: at + 8 + 4 * bad as u64,
                value: i64::from(filters.data[bad].to_bits()),
                expected: "the bits of a finite number".to_string(),
            }),
        }
    }

    fn first_infinite(&self) -> Option<usize> {
        self.data.iter().position(|x| !x.is_finite())
    }

    /// Checks filters that a caller put together, by the reader's rules.
    pub(crate) fn check(&self, hparams: &Hparams) -> Result<(), ErrorKind> {
        let bad = if self.n_mel != hparams.n_mels {
            ("filters.n_mel", self.n_mel, "must equal n_mels")
        } else if self.n_fft != N_FFT_BINS as usize {
            ("filters.n_fft", self.n_fft, "must be 201, the bins of a 400-point transform")
        } else if self.data.len() != self.n_mel * self.n_fft {
            ("filters.data", self.data.len(), "must have n_mel * n_fft weights")
        } else if let Some(at) = self.first_infinite() {
            ("filters.data", at, "the weight with this number must be finite")
        } else {
            return Ok(());
        };
        let (field, value, expected) = bad;
        Err(ErrorKind::Header { field, offset: 48, value: value as i64, expected: expected.to_string() })
    }
}
