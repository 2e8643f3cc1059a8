//! What is published: a table in the program, with digests where a source can be cited.
//!
//! Made from `data/catalogue.tsv`, whose head names the sources. `cargo xtask catalogue` compares it with the network.

use serde::Serialize;
use std::sync::OnceLock;

/// One published file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The name here: `base-q5_1`.
    pub name: &'static str,
    /// Who made it: `openai`, `tinydiarize`, `distil` or `acft`.
    pub family: &'static str,
    /// The size that its dimensions belong to.
    pub dimensions: &'static str,
    /// Tokens of the vocabulary; it tells the languages.
    pub n_vocab: usize,
    /// The type of the weights.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Bytes of the file, computed.
    pub size_bytes: u64,
    /// A repository on the hub, or the beginning of an address.
    pub place: &'static str,
    /// The file's name there.
    pub file: &'static str,
    /// SHA-1 as whisper.cpp's list gives it.
    pub sha1: Option<&'static str>,
}

impl Entry {
    /// Languages as a word: "English", "99 languages".
    pub fn languages(&self) -> &'static str {
        match (self.family, self.n_vocab) {
            // Trained on English whatever the vocabulary can name.
            ("distil", _) | (_, 51864) => "English",
            (_, 51865) => "99 languages",
            _ => "100 languages",
        }
    }

    /// Where to fetch it; `endpoint` is the hub's address without a slash at its end.
    pub fn address(&self, endpoint: &str) -> String {
        match self.on_the_hub() {
            true => format!("{endpoint}/{}/resolve/main/{}", self.place, self.file),
            false => format!("{}{}", self.place, self.file),
        }
    }

    /// Whether the hub has it, so that its mirrors, caches and tokens apply.
    pub fn on_the_hub(&self) -> bool {
        !self.place.starts_with("https://")
    }
}

const TABLE: &str = include_str!("../../data/catalogue.tsv");

/// All entries, in the order of the table.
pub fn entries() -> &'static [Entry] {
    static ENTRIES: OnceLock<Vec<Entry>> = OnceLock::new();
    ENTRIES.get_or_init(|| TABLE.lines().filter(|line| !line.starts_with('#')).skip(1).filter_map(entry).collect())
}

fn entry(line: &'static str) -> Option<Entry> {
    let mut fields = line.split('\t');
    let mut next = || fields.next();
    Some(Entry {
        name: next()?,
        family: next()?,
        dimensions: next()?,
        n_vocab: next()?.parse().ok()?,
        kind: next()?,
        size_bytes: next()?.parse().ok()?,
        place: next()?,
        file: next()?,
        sha1: next().filter(|sha1| sha1.len() == 40),
    })
}

/// The entry of this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    entries().iter().find(|entry| entry.name == name)
}

/// The name most like this one, for messages.
pub fn nearest(name: &str) -> Option<&'static str> {
    let scored = entries().iter().map(|entry| (strsim::jaro_winkler(name, entry.name), entry.name));
    let (score, best) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score > 0.8).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use noctule_model::Hparams;
    use noctule_model::names::{self, Role};

    /// (width, encoder layers, decoder layers, mel bands)
    fn dimensions(name: &str) -> (usize, usize, usize, usize) {
        match name {
            "tiny" => (384, 4, 4, 80),
            "base" => (512, 6, 6, 80),
            "small" => (768, 12, 12, 80),
            "medium" => (1024, 24, 24, 80),
            "large" => (1280, 32, 32, 80),
            "large-v3" => (1280, 32, 32, 128),
            "turbo" => (1280, 32, 4, 128),
            "distil-small" => (768, 12, 4, 80),
            "distil-medium" => (1024, 24, 2, 80),
            "distil-large-v2" => (1280, 32, 2, 80),
            "distil-large-v3" => (1280, 32, 2, 128),
            other => panic!("{other}"),
        }
    }

    /// Bytes before the tensors: the header, 80 mel filters and OpenAI's vocabulary, which the published files of one
    /// kind share.
    fn head(n_vocab: usize, n_mels: usize) -> usize {
        let with_80 = if n_vocab == 51864 { 586_235 } else { 572_465 };
        with_80 + (n_mels - 80) * 201 * 4
    }

    fn size(entry: &Entry) -> usize {
        let (d, audio, text, n_mels) = dimensions(entry.dimensions);
        let hparams = Hparams {
            n_vocab: entry.n_vocab,
            n_audio_ctx: 1500,
            n_audio_state: d,
            n_audio_head: d / 64,
            n_audio_layer: audio,
            n_text_ctx: 448,
            n_text_state: d,
            n_text_head: d / 64,
            n_text_layer: text,
            n_mels,
            ftype: 1,
        };
        let (block, bytes) = match entry.kind {
            "f16" => (1, 2),
            "q5_0" => (32, 22),
            "q5_1" => (32, 24),
            "q8_0" => (32, 34),
            other => panic!("{other}"),
        };
        let tensor = |t: &names::Expected| {
            let n: usize = t.ne.iter().product();
            let data = match t.role {
                Role::Matrix => n / block * bytes,
                Role::Convolution => n * 2,
                Role::Vector | Role::Positional => n * 4,
            };
            12 + 4 * t.ne.len() + t.name.len() + data
        };
        head(entry.n_vocab, n_mels) + names::expected(&hparams).iter().map(tensor).sum::<usize>()
    }

    #[test]
    fn sizes_follow_from_the_dimensions() {
        for entry in entries() {
            assert_eq!(size(entry) as u64, entry.size_bytes, "{}", entry.name);
        }
    }

    #[test]
    fn every_line_is_an_entry() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).count() - 1;
        assert_eq!(entries().len(), lines);
        assert_eq!(entries().iter().filter(|entry| entry.sha1.is_some()).count(), 16, "as many as whisper.cpp's list");
        for entry in entries() {
            assert_eq!(crate::store::canonical(entry.name).as_deref(), Some(entry.name));
            assert_eq!(find(entry.name), Some(entry), "names are unique");
            assert!(entry.sha1.is_none_or(|sha1| sha1.bytes().all(|b| b.is_ascii_hexdigit())));
        }
        assert_eq!(nearest("bsae-q5_1"), Some("base-q5_1"));
        assert_eq!(
            find("base").unwrap().address("https://huggingface.co"),
            "https://huggingface.co/ggerganov/whisper.cpp/resolve/main/ggml-base.bin"
        );
    }
}
