//! The languages that Whisper knows, in the order of their tokens.
//!
//! What a caller writes ("de", "German", "Castilian") comes in, a position in
//! [`LANGUAGES`] goes out; the vocabulary turns the position into a token.
//! Source of table and aliases: `LANGUAGES` and `TO_LANGUAGE_CODE` in
//! `tokenizer.py` of OpenAI's package.

/// Code and English name of every language, in token order. The last, `yue`,
/// exists only in models with 51866 tokens (large-v3 and its kin).
pub const LANGUAGES: [(&str, &str); 100] = [
    ("en", "english"),
    ("zh", "chinese"),
    ("de", "german"),
    ("es", "spanish"),
    ("ru", "russian"),
    ("ko", "korean"),
    ("fr", "french"),
    ("ja", "japanese"),
    ("pt", "portuguese"),
    ("tr", "turkish"),
    ("pl", "polish"),
    ("ca", "catalan"),
    ("nl", "dutch"),
    ("ar", "arabic"),
    ("sv", "swedish"),
    ("it", "italian"),
    ("id", "indonesian"),
    ("hi", "hindi"),
    ("fi", "finnish"),
    ("vi", "vietnamese"),
    ("he", "hebrew"),
    ("uk", "ukrainian"),
    ("el", "greek"),
    ("ms", "malay"),
    ("cs", "czech"),
    ("ro", "romanian"),
    ("da", "danish"),
    ("hu", "hungarian"),
    ("ta", "tamil"),
    ("no", "norwegian"),
    ("th", "thai"),
    ("ur", "urdu"),
    ("hr", "croatian"),
    ("bg", "bulgarian"),
    ("lt", "lithuanian"),
    ("la", "latin"),
    ("mi", "maori"),
    ("ml", "malayalam"),
    ("cy", "welsh"),
    ("sk", "slovak"),
    ("te", "telugu"),
    ("fa", "persian"),
    ("lv", "latvian"),
    ("bn", "bengali"),
    ("sr", "serbian"),
    ("az", "azerbaijani"),
    ("sl", "slovenian"),
    ("kn", "kannada"),
    ("et", "estonian"),
    ("mk", "macedonian"),
    ("br", "breton"),
    ("eu", "basque"),
    ("is", "icelandic"),
    ("hy", "armenian"),
    ("ne", "nepali"),
    ("mn", "mongolian"),
    ("bs", "bosnian"),
    ("kk", "kazakh"),
    ("sq", "albanian"),
    ("sw", "swahili"),
    ("gl", "galician"),
    ("mr", "marathi"),
    ("pa", "punjabi"),
    ("si", "sinhala"),
    ("km", "khmer"),
    ("sn", "shona"),
    ("yo", "yoruba"),
    ("so", "somali"),
    ("af", "afrikaans"),
    ("oc", "occitan"),
    ("ka", "georgian"),
    ("be", "belarusian"),
    ("tg", "tajik"),
    ("sd", "sindhi"),
    ("gu", "gujarati"),
    ("am", "amharic"),
    ("yi", "yiddish"),
    ("lo", "lao"),
    ("uz", "uzbek"),
    ("fo", "faroese"),
    ("ht", "haitian creole"),
    ("ps", "pashto"),
    ("tk", "turkmen"),
    ("nn", "nynorsk"),
    ("mt", "maltese"),
    ("sa", "sanskrit"),
    ("lb", "luxembourgish"),
    ("my", "myanmar"),
    ("bo", "tibetan"),
    ("tl", "tagalog"),
    ("mg", "malagasy"),
    ("as", "assamese"),
    ("tt", "tatar"),
    ("haw", "hawaiian"),
    ("ln", "lingala"),
    ("ha", "hausa"),
    ("ba", "bashkir"),
    ("jw", "javanese"),
    ("su", "sundanese"),
    ("yue", "cantonese"),
];

/// Other names for a language, with its code.
const ALIASES: [(&str, &str); 13] = [
    ("burmese", "my"),
    ("valencian", "ca"),
    ("flemish", "nl"),
    ("haitian", "ht"),
    ("letzeburgesch", "lb"),
    ("pushto", "ps"),
    ("panjabi", "pa"),
    ("moldavian", "ro"),
    ("moldovan", "ro"),
    ("sinhalese", "si"),
    ("castilian", "es"),
    ("mandarin", "zh"),
    ("jv", "jw"),
];

/// Position in [`LANGUAGES`] of a code or English name in any case, or of an alias.
pub fn index_of(code_or_name: &str) -> Option<usize> {
    let wanted = code_or_name.trim().to_lowercase();
    let code = ALIASES.iter().find(|(alias, _)| *alias == wanted).map_or(wanted.as_str(), |(_, code)| code);
    LANGUAGES.iter().position(|(c, name)| *c == code || *name == code)
}

/// Code of the language that [`index_of`] finds.
pub fn code_of(code_or_name: &str) -> Option<&'static str> {
    index_of(code_or_name).map(|i| LANGUAGES[i].0)
}

/// The English name most like `name`, for "did you mean" in an error message;
/// `None` when nothing is near. An alias answers as the alias.
pub fn nearest(name: &str) -> Option<&'static str> {
    let wanted: Vec<char> = name.trim().to_lowercase().chars().take(64).collect();
    let names = LANGUAGES.iter().map(|(_, name)| *name).chain(ALIASES.iter().map(|(alias, _)| *alias));
    let (distance, best) = names.map(|n| (edit_distance(&wanted, n), n)).min_by_key(|(d, _)| *d)?;
    // A third of the letters wrong is a slip; more is another word.
    (distance * 3 <= wanted.len()).then_some(best)
}

/// Insertions, deletions and replacements between two words (Levenshtein 1966).
fn edit_distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_stand_in_token_order() {
        assert_eq!(index_of("en"), Some(0));
        assert_eq!(index_of("zh"), Some(1));
        assert_eq!(index_of("de"), Some(2));
        assert_eq!(index_of("su"), Some(98));
        assert_eq!(index_of("yue"), Some(99));
        for (i, (code, name)) in LANGUAGES.iter().enumerate() {
            assert_eq!(index_of(code), Some(i));
            assert_eq!(index_of(name), Some(i));
        }
    }

    #[test]
    fn names_and_aliases_in_any_case() {
        assert_eq!(code_of("German"), Some("de"));
        assert_eq!(code_of(" DE "), Some("de"));
        assert_eq!(code_of("Haitian Creole"), Some("ht"));
        for (alias, code) in ALIASES {
            assert_eq!(code_of(alias), Some(code), "{alias}");
        }
        assert_eq!(index_of("klingon"), None);
        assert_eq!(index_of(""), None);
    }

    #[test]
    fn slips_are_mended_and_nonsense_is_not() {
        assert_eq!(nearest("germn"), Some("german"));
        assert_eq!(nearest("Englsih"), Some("english"));
        assert_eq!(nearest("castillian"), Some("castilian"));
        assert_eq!(nearest("qqqqqqqq"), None);
        assert_eq!(nearest(""), None);
        assert_eq!(nearest(&"x".repeat(1_000_000)), None);
    }

    #[test]
    fn distance_counts_edits() {
        let d = |a: &str, b: &str| edit_distance(&a.chars().collect::<Vec<_>>(), b);
        assert_eq!(d("kitten", "sitting"), 3);
        assert_eq!(d("", "abc"), 3);
        assert_eq!(d("abc", "abc"), 0);
    }
}
