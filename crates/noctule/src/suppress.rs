//! Which tokens may never be sampled: fixed for a whole transcription, applied
//! to every row of logits before the rules that depend on what was said so far.
//!
//! A vocabulary and the caller's wishes come in, a [`TokenSet`] goes out, and
//! costs one pass over its words per step. (whisper.cpp matches a suppression
//! pattern against the whole vocabulary at every step, at about 16 ms each.)

use crate::options::{Options, SuppressPattern};
use crate::tokenizer::Tokenizer;
use noctule_model::Vocab;

/// A set of vocabulary ids, one bit each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSet {
    words: Vec<u64>,
    len: usize,
}

impl TokenSet {
    /// The empty set for a vocabulary of `len` tokens.
    pub fn new(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    /// Tokens in the vocabulary, in the set or not.
    pub fn capacity(&self) -> usize {
        self.len
    }

    /// Adds `id`; ids outside the vocabulary are ignored.
    pub fn insert(&mut self, id: u32) {
        if (id as usize) < self.len {
            self.words[id as usize / 64] |= 1 << (id % 64);
        }
    }

    /// Takes `id` out.
    pub fn remove(&mut self, id: u32) {
        if (id as usize) < self.len {
            self.words[id as usize / 64] &= !(1 << (id % 64));
        }
    }

    /// Whether `id` is in the set; an id outside the vocabulary is not.
    pub fn contains(&self, id: u32) -> bool {
        self.words.get(id as usize / 64).is_some_and(|word| word >> (id % 64) & 1 == 1)
    }

    /// How many ids are in the set.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Empties the set.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// The ids in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.words.iter().enumerate().flat_map(|(i, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(i as u32 * 64 + bit)
            })
        })
    }

    /// Sets the logit of every id in the set to minus infinity.
    pub fn apply(&self, logits: &mut [f32]) {
        for id in self.iter() {
            if let Some(logit) = logits.get_mut(id as usize) {
                *logit = f32::NEG_INFINITY;
            }
        }
    }
}

impl Extend<u32> for TokenSet {
    fn extend<I: IntoIterator<Item = u32>>(&mut self, ids: I) {
        ids.into_iter().for_each(|id| self.insert(id));
    }
}

/// Symbols that mark sounds and asides, not speech.
const SYMBOLS: &str = "\" # ( ) * + / : ; < = > @ [ \\ ] ^ _ ` { | } ~ 「 」 『 』 << >> <<< >>> -- --- -( -[ (' (\" (( )) \
                       ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪";
/// Signs of music, suppressed by their first token even where they have several.
const MUSIC: &str = "♩ ♪ ♫ ♬ ♭ ♮ ♯";

/// Tokens that stand for no speech, ascending: brackets, quotation marks, signs of music.
///
/// This is the list of OpenAI's package (`Tokenizer.non_speech_tokens`): each
/// symbol with and without a leading blank where it is one token, the first
/// token of each sign of music, and hyphen and apostrophe at the start of a
/// word. whisper.cpp's list has the same symbols but looks each up as a whole,
/// so that a sign of music made of several tokens escapes it. Of the
/// two this one is used, as it is what the models' published results rest on.
pub fn non_speech_tokens(tokenizer: &Tokenizer<'_>) -> Vec<u32> {
    let mut ids: Vec<u32> = [" -", " '"].iter().filter_map(|s| tokenizer.encode(s).first().copied()).collect();
    let symbols = SYMBOLS.split_whitespace().map(|s| (s, false));
    for (symbol, music) in symbols.chain(MUSIC.split_whitespace().map(|s| (s, true))) {
        for text in [symbol.to_owned(), format!(" {symbol}")] {
            let tokens = tokenizer.encode(&text);
            if tokens.len() == 1 || music {
                ids.extend(tokens.first());
            }
        }
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// What [`Suppression::new`] forbids besides the special tokens.
#[derive(Debug, Clone, Copy, Default)]
pub struct SuppressionRules<'a> {
    /// Forbid [`non_speech_tokens`].
    pub non_speech: bool,
    /// Forbid text tokens that this pattern covers.
    pub pattern: Option<&'a SuppressPattern>,
    /// Forbid a lone blank and the end of text as the first token.
    pub blank: bool,
    /// Allow timestamp tokens.
    pub timestamps: bool,
    /// Allow the speaker-turn token of a tinydiarize model.
    pub tinydiarize: bool,
}

impl<'a> From<&'a Options> for SuppressionRules<'a> {
    fn from(options: &'a Options) -> Self {
        Self {
            non_speech: options.suppress_non_speech,
            pattern: options.suppress_regex.as_ref(),
            blank: options.suppress_blank,
            timestamps: options.timestamps,
            tinydiarize: options.tinydiarize,
        }
    }
}

/// The tokens that one transcription forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    always: TokenSet,
    first: TokenSet,
}

impl Suppression {
    /// Collects what `rules` forbid in `vocab`. Always forbidden are the tokens
    /// that only ever stand in a prompt: start of transcript, languages, tasks,
    /// previous text, no speech, no timestamps.
    pub fn new(vocab: &Vocab, rules: SuppressionRules<'_>) -> Self {
        let mut always = TokenSet::new(vocab.len());
        let end = if rules.timestamps { vocab.beg() } else { vocab.len() as u32 };
        always.extend(vocab.sot()..end);
        if rules.tinydiarize {
            always.remove(vocab.solm());
        }
        if rules.non_speech {
            always.extend(non_speech_tokens(&Tokenizer::new(vocab)));
        }
        if let Some(pattern) = rules.pattern {
            always.extend((0..vocab.n_text() as u32).filter(|&id| pattern.matches(vocab.token(id))));
        }
        let mut first = always.clone();
        if rules.blank {
            first.extend(vocab.token_to_id(b" "));
            first.insert(vocab.eot());
        }
        Self { always, first }
    }

    /// What is forbidden at the first (`true`) or at a later step of a window.
    pub fn set(&self, first_step: bool) -> &TokenSet {
        if first_step { &self.first } else { &self.always }
    }

    /// Sets the logits of all forbidden tokens to minus infinity.
    pub fn apply(&self, logits: &mut [f32], first_step: bool) {
        self.set(first_step).apply(logits);
    }
}

#[cfg(test)]
#[path = "suppress_tests.rs"]
mod tests;
