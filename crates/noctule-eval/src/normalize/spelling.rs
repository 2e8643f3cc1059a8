//! British spellings as American ones.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Source and licence of the table: `data/README.md`.
const TABLE: &str = include_str!("../../data/uk-us-spellings.tsv");

static AMERICAN: LazyLock<HashMap<&'static str, &'static str>> =
    LazyLock::new(|| TABLE.lines().filter_map(|line| line.split_once('\t')).collect());

/// The American spelling of a lower-case word; the word itself where there is no other.
pub(super) fn american(word: &str) -> &str {
    AMERICAN.get(word).copied().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_whole() {
        assert_eq!(AMERICAN.len(), 1739);
        assert_eq!(TABLE.lines().count(), 1739);
    }

    #[test]
    fn upstream_cases() {
        assert_eq!(american("mobilisation"), "mobilization");
        assert_eq!(american("cancelation"), "cancellation");
        assert_eq!(american("noctule"), "noctule");
    }
}
