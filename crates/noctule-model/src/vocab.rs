//! Token texts, and the ids of the special tokens derived from the size of the vocabulary.
//!
//! The file's token list enters, [`Vocab`] leaves: text for every id, and names for what is not
//! text. The layout of a Whisper vocabulary is OpenAI's: ordinary tokens, end of text, start of
//! transcript, one token a language, six task tokens, then 1501 timestamps 20 ms apart. The file
//! usually lists only the ordinary tokens (and sometimes end of text); the rest get the names that
//! whisper.cpp prints.

use std::sync::OnceLock;

use crate::cursor::Cursor;
use crate::error::ErrorKind;
use crate::hparams::Hparams;

/// No token of OpenAI's vocabularies is longer than 128 bytes.
const MAX_TOKEN_BYTES: i64 = 1024;

/// Timestamps from 0.00 to 30.00 s in steps of 20 ms.
const N_TIMESTAMPS: usize = 1501;

/// Task tokens between the languages and the first timestamp.
const N_TASKS: usize = 6;

/// The vocabulary of one model: the bytes of each token and the ids of the special ones.
#[derive(Debug, Clone)]
pub struct Vocab {
    text: Vec<u8>,
    /// Where each token ends in `text`, so token `i` is `ends[i - 1]..ends[i]`.
    ends: Vec<u32>,
    n_in_file: usize,
    n_text: u32,
    n_languages: u32,
    /// Ordinary ids sorted by their bytes, then by id. Built when the first prompt is tokenised.
    sorted: OnceLock<Vec<u32>>,
}

impl Vocab {
    /// Reads the token list: a count, then a length and bytes for each.
    pub(crate) fn read(cursor: &mut Cursor<'_>, hparams: &Hparams) -> Result<Vocab, ErrorKind> {
        let offset = cursor.offset() as u64;
        let count = cursor.i32(&|| "the number of tokens".to_string())?;
        let mut vocab = Vocab::empty(hparams.n_vocab);
        vocab.n_in_file = vocab.check_count(count.into(), hparams, offset)?;
        for id in 0..vocab.n_in_file {
            let offset = cursor.offset() as u64;
            let length = cursor.i32(&|| format!("the length of token {id}"))?;
            check_length(length.into(), id, offset)?;
            vocab.push(cursor.take(length as u64, &|| format!("token {id}"))?);
        }
        vocab.name_the_rest(hparams);
        Ok(vocab)
    }

    /// A vocabulary of these tokens, in the order of their ids, for a model with these dimensions.
    ///
    /// # Errors
    /// [`ErrorKind::Header`] if `n_vocab` is not a Whisper's, [`ErrorKind::Vocabulary`] if there are
    /// fewer tokens than ordinary ones or more than `n_vocab`, or a token is longer than 1024 bytes.
    /// Offsets in these errors are 0, as there is no file.
    pub fn from_tokens<'a>(hparams: &Hparams, tokens: impl IntoIterator<Item = &'a [u8]>) -> Result<Vocab, ErrorKind> {
        hparams.check()?;
        let mut vocab = Vocab::empty(hparams.n_vocab);
        for (id, token) in tokens.into_iter().enumerate() {
            check_length(token.len() as i64, id, 0)?;
            vocab.push(token);
        }
        vocab.n_in_file = vocab.check_count(vocab.ends.len() as i64, hparams, 0)?;
        vocab.name_the_rest(hparams);
        Ok(vocab)
    }

    /// A vocabulary of the layout that belongs to `n_vocab`, without tokens yet.
    fn empty(n_vocab: usize) -> Vocab {
        let (n_text, n_languages) = layout(n_vocab);
        Vocab {
            text: Vec::new(),
            ends: Vec::with_capacity(n_vocab),
            n_in_file: 0,
            n_text: n_text as u32,
            n_languages: n_languages as u32,
            sorted: OnceLock::new(),
        }
    }

    fn check_count(&self, count: i64, hparams: &Hparams, offset: u64) -> Result<usize, ErrorKind> {
        let allowed = self.n_text()..=hparams.n_vocab;
        usize::try_from(count).ok().filter(|n| allowed.contains(n)).ok_or_else(|| {
            let problem = format!(
                "lists {count} tokens; a model with n_vocab {} lists {} to {}",
                hparams.n_vocab,
                allowed.start(),
                allowed.end(),
            );
            ErrorKind::Vocabulary { offset, problem }
        })
    }

    fn name_the_rest(&mut self, hparams: &Hparams) {
        for id in self.ends.len()..hparams.n_vocab {
            let name = self.special_name(id as u32);
            self.push(name.as_bytes());
        }
    }

    /// Checks that the vocabulary belongs to these dimensions.
    pub(crate) fn check(&self, hparams: &Hparams) -> Result<(), ErrorKind> {
        if self.len() == hparams.n_vocab {
            return Ok(());
        }
        let problem = format!("has {} tokens where n_vocab is {}", self.len(), hparams.n_vocab);
        Err(ErrorKind::Vocabulary { offset: 0, problem })
    }

    fn push(&mut self, token: &[u8]) {
        self.text.extend_from_slice(token);
        self.ends.push(self.text.len() as u32);
    }

    /// Tokens in all, `n_vocab` of the header.
    #[allow(clippy::len_without_is_empty)] // No vocabulary is empty.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Ordinary tokens: the ids `0..n_text()` are text, all others are special.
    pub fn n_text(&self) -> usize {
        self.n_text as usize
    }

    /// Tokens that the file lists; those after them carry made-up names such as `[_TT_5]`.
    pub fn n_in_file(&self) -> usize {
        self.n_in_file
    }

    /// The bytes of a token. A token may hold part of a UTF-8 character; only a sequence of tokens
    /// is text. Empty for an id that the vocabulary does not have.
    pub fn token(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let Some(&end) = self.ends.get(id) else {
            return &[];
        };
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        &self.text[start as usize..end as usize]
    }

    /// The id of the ordinary token with exactly these bytes.
    ///
    /// Special tokens are never found, so that a prompt cannot smuggle one in. Of duplicates
    /// (old conversions have hundreds) the last one counts, as in whisper.cpp.
    pub fn token_to_id(&self, bytes: &[u8]) -> Option<u32> {
        if bytes.is_empty() {
            return None;
        }
        let sorted = self.sorted();
        let after = sorted.partition_point(|&id| self.token(id) <= bytes);
        let id = *sorted.get(after.checked_sub(1)?)?;
        (self.token(id) == bytes).then_some(id)
    }

    fn sorted(&self) -> &[u32] {
        self.sorted.get_or_init(|| {
            let mut ids: Vec<u32> = (0..self.n_text).collect();
            ids.sort_unstable_by(|&a, &b| self.token(a).cmp(self.token(b)).then(a.cmp(&b)));
            ids
        })
    }

    /// Whether the model knows languages other than English.
    pub fn is_multilingual(&self) -> bool {
        self.len() >= 51865
    }

    /// Language tokens: 99, or 100 since large-v3. English-only models have them too, untrained.
    pub fn num_languages(&self) -> usize {
        self.n_languages as usize
    }

    /// End of text.
    pub fn eot(&self) -> u32 {
        self.n_text
    }

    /// Start of transcript.
    pub fn sot(&self) -> u32 {
        self.n_text + 1
    }

    /// The token of language `i` in OpenAI's order (0 is English).
    ///
    /// # Panics
    /// If the model has no language `i`: see [`Vocab::num_languages`] and [`Vocab::get_language`].
    pub fn language(&self, i: usize) -> u32 {
        match self.get_language(i) {
            Some(id) => id,
            None => panic!("language {i} of {}", self.num_languages()),
        }
    }

    /// The token of language `i` in OpenAI's order, or `None` where the model does not have it
    /// (Cantonese, 99, exists since large-v3).
    pub fn get_language(&self, i: usize) -> Option<u32> {
        (i < self.num_languages()).then(|| self.sot() + 1 + i as u32)
    }

    /// The first token after the languages.
    fn tasks(&self) -> u32 {
        self.sot() + 1 + self.n_languages
    }

    /// The task "translate to English".
    pub fn translate(&self) -> u32 {
        self.tasks()
    }

    /// The task "transcribe".
    pub fn transcribe(&self) -> u32 {
        self.tasks() + 1
    }

    /// Start of language model: in tinydiarize models the mark of a new speaker.
    pub fn solm(&self) -> u32 {
        self.tasks() + 2
    }

    /// Start of the previous text, which stands before the start of transcript.
    pub fn prev(&self) -> u32 {
        self.tasks() + 3
    }

    /// No speech: its probability after the start of transcript says that nothing is spoken.
    pub fn nosp(&self) -> u32 {
        self.tasks() + 4
    }

    /// No timestamps.
    pub fn not_(&self) -> u32 {
        self.tasks() + 5
    }

    /// The first timestamp, 0.00 s. Id `beg() + n` is `n * 20` ms.
    pub fn beg(&self) -> u32 {
        self.tasks() + N_TASKS as u32
    }

    /// Timestamp tokens: 1501, from 0.00 to 30.00 s.
    pub fn num_timestamps(&self) -> usize {
        self.len() - self.beg() as usize
    }

    /// Whether the token is a timestamp.
    pub fn is_timestamp(&self, id: u32) -> bool {
        id >= self.beg()
    }

    /// Whether the token is not text: end of text, languages, tasks, timestamps.
    pub fn is_special(&self, id: u32) -> bool {
        id >= self.n_text
    }

    /// Ordinary tokens with a replacement character U+FFFD in them. OpenAI's vocabularies have a
    /// handful; old conversions replaced every incomplete character by it, which breaks text
    /// outside the Latin alphabet.
    pub(crate) fn count_replaced(&self) -> usize {
        let replaced = |&id: &u32| self.token(id).windows(3).any(|w| w == "\u{fffd}".as_bytes());
        (0..self.n_text).filter(replaced).count()
    }

    /// The name that whisper.cpp gives to a token that its file does not list.
    fn special_name(&self, id: u32) -> String {
        match id {
            _ if id > self.beg() => format!("[_TT_{}]", id - self.beg()),
            _ if id == self.beg() => "[_BEG_]".to_string(),
            _ if id == self.not_() => "[_NOT_]".to_string(),
            _ if id == self.nosp() => "[_NOSP_]".to_string(),
            _ if id == self.prev() => "[_PREV_]".to_string(),
            _ if id == self.solm() => "[_SOLM_]".to_string(),
            _ if id == self.transcribe() => "[_TRANSCRIBE_]".to_string(),
            _ if id == self.translate() => "[_TRANSLATE_]".to_string(),
            _ if id > self.sot() => format!("[_LANG_{}]", id - self.sot() - 1),
            _ if id == self.sot() => "[_SOT_]".to_string(),
            _ => "[_EOT_]".to_string(),
        }
    }
}

fn check_length(length: i64, id: usize, offset: u64) -> Result<(), ErrorKind> {
    if (0..=MAX_TOKEN_BYTES).contains(&length) {
        return Ok(());
    }
    let problem =
        format!("token {id} has {length} bytes; none of Whisper's has more than 128 ({MAX_TOKEN_BYTES} allowed)");
    Err(ErrorKind::Vocabulary { offset, problem })
}

/// Ordinary tokens and languages of a vocabulary of `n_vocab` tokens, which has passed the limits
/// of [`Hparams`].
fn layout(n_vocab: usize) -> (usize, usize) {
    let multilingual = n_vocab >= 51865;
    // The multilingual vocabulary has one more ordinary token, the empty one.
    let n_text = if multilingual { 50257 } else { 50256 };
    let fixed = n_text + 2 + N_TASKS + N_TIMESTAMPS;
    (n_text, n_vocab - fixed)
}
