//! Everything in a legacy ggml file that stands before the tensors.

use std::io::{self, Write};

use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind};
use crate::hparams::Hparams;
use crate::mel::MelFilters;
use crate::sniff;
use crate::vocab::Vocab;

/// Dimensions, mel filters and vocabulary: what a model is, apart from its weights.
///
/// A header read from a file and written again is the same bytes.
#[derive(Debug, Clone)]
pub struct Header {
    /// The dimensions and the file type.
    pub hparams: Hparams,
    /// The mel filters.
    pub filters: MelFilters,
    /// The vocabulary.
    pub vocab: Vocab,
}

impl Header {
    /// Reads the header at the beginning of `bytes`, whatever follows it; `name` names the bytes in
    /// errors. Files that are nothing but a header exist to lend their vocabulary.
    ///
    /// # Errors
    /// If the bytes do not begin with the header of a Whisper model.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Header, Error> {
        Header::read(&mut Cursor::new(bytes)).map_err(|kind| Error::new(name, kind))
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Header, ErrorKind> {
        sniff::require_ggml(cursor.rest())?;
        cursor.take(4, &|| "the magic number".to_string())?;
        let hparams = Hparams::read(cursor)?;
        let filters = MelFilters::read(cursor, &hparams)?;
        let vocab = Vocab::read(cursor, &hparams)?;
        Ok(Header { hparams, filters, vocab })
    }

    /// Checks that a header that was changed or made up is one that [`Header::from_bytes`] accepts.
    pub(crate) fn check(&self) -> Result<(), ErrorKind> {
        self.hparams.check()?;
        self.filters.check(&self.hparams)?;
        self.vocab.check(&self.hparams)
    }

    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&sniff::MAGIC)?;
        for value in self.hparams.to_raw() {
            out.write_all(&value.to_le_bytes())?;
        }
        out.write_all(&(self.filters.n_mel as u32).to_le_bytes())?;
        out.write_all(&(self.filters.n_fft as u32).to_le_bytes())?;
        for weight in &self.filters.data {
            out.write_all(&weight.to_le_bytes())?;
        }
        out.write_all(&(self.vocab.n_in_file() as u32).to_le_bytes())?;
        for id in 0..self.vocab.n_in_file() as u32 {
            let token = self.vocab.token(id);
            out.write_all(&(token.len() as u32).to_le_bytes())?;
            out.write_all(token)?;
        }
        Ok(())
    }
}
