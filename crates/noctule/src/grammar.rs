//! Keeping the decoder to a grammar.
//!
//! GBNF text comes in; for each hypothesis a [`GrammarState`] says which tokens
//! may come next. The path: `parse` reads the text into expressions, `program`
//! turns these into a byte-wise machine with calls, `matcher` runs it,
//! [`TokenTrie`] puts a whole vocabulary through it.
//!
//! The notation is that of llama.cpp and whisper.cpp: `name ::= …` rules of
//! literals `"…"`, classes `[a-z]` and `[^…]`, `.` for any character, rule
//! names, `( … )`, `|`, the suffixes `*`, `+`, `?`, `{m}`, `{m,}`, `{m,n}`, and
//! comments from `#`. A suffix applies to the whole literal before it. A rule ends with its line unless a parenthesis is open or
//! the next line starts with `|`. Escapes: `\n \r \t \\ \" \[ \] \- \^`,
//! `\xHH`, `\uHHHH`, `\UHHHHHHHH`. Left recursion is refused.
//!
//! The machine works on bytes: a class becomes its UTF-8 byte ranges, so a token
//! that ends inside a character needs no special care.

mod matcher;
mod parse;
mod program;
mod trie;

pub use matcher::GrammarState;
pub use parse::{GrammarError, GrammarProblem};
pub use trie::TokenTrie;

/// The set that [`GrammarState::allowed_tokens`] fills.
pub use crate::suppress::TokenSet as BitSet;

use program::Program;

/// A checked grammar, ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grammar {
    program: Program,
}

impl Grammar {
    /// Reads GBNF `text` and starts at the rule `root`.
    ///
    /// # Errors
    /// With line and column: text that is no GBNF, an unknown or doubly defined
    /// rule, left recursion, or a grammar over the limits (256 KiB of text,
    /// 4096 rules, parentheses 64 deep, 200,000 steps after repetitions are
    /// written out).
    pub fn parse(text: &str, root: &str) -> Result<Self, GrammarError> {
        let rules = parse::parse(text)?;
        Ok(Self { program: program::compile(&rules, root)? })
    }
}

#[cfg(test)]
#[path = "grammar/tests.rs"]
mod tests;
