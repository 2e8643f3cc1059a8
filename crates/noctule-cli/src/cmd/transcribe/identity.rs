//! What the text of an input depends on, to tell whether an interrupted run can
//! be continued: the audio, the model, the settings, the program.

use crate::failure::Failure;
use crate::plan::{ModelChoice, Plan};
use noctule::Transcriber;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Bytes of the start and of the end of a file that its mark covers.
const SAMPLE: u64 = 64 * 1024;

/// The header of a journal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Version of the program.
    noctule: String,
    /// Name of the input, for people.
    file: String,
    input: Mark,
    model: String,
    model_mark: Mark,
    /// Options that have an effect on the text, a line each.
    settings: Vec<String>,
    /// What an older journal says, when that is something else.
    #[serde(skip)]
    pub differs_from: Option<Box<Identity>>,
}

/// What tells a file from another one without reading it all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Mark {
    size: u64,
    /// Time of the last change, nanoseconds since 1970; 0 where it does not matter.
    modified: u64,
    /// FNV-1a of the first and last 64 KiB.
    hash: u64,
}

impl Identity {
    /// For the file `input` under `plan`.
    pub fn new(plan: &Plan, input: &Path, transcriber: &Transcriber) -> Result<Self, Failure> {
        let model_mark = match &plan.model {
            ModelChoice::File(path) => Mark { modified: 0, ..Mark::of(path)? },
            ModelChoice::Embedded => Mark { size: transcriber.model().size_bytes(), ..Mark::default() },
        };
        let vad_mark = match plan.speech.as_ref().and_then(|speech| speech.model.as_deref()) {
            Some(path) => Some(Mark { modified: 0, ..Mark::of(path)? }),
            None => None,
        };
        let compute = transcriber.compute();
        let (tier, precision) = (compute.tier().to_string(), compute.precision().to_string());
        let settings = format!("{:#?}", (&plan.options, &plan.read, &plan.speech, vad_mark, tier, precision));
        Ok(Self {
            noctule: env!("CARGO_PKG_VERSION").to_owned(),
            file: input.display().to_string(),
            input: Mark::of(input)?,
            model: transcriber.model().name().to_owned(),
            model_mark,
            settings: settings.lines().map(|line| line.trim().trim_end_matches(',').to_owned()).collect(),
            differs_from: None,
        })
    }

    /// The first thing in which an older journal differs, in words.
    pub fn difference(&self, theirs: &Self) -> String {
        if self.input != theirs.input {
            return "the file has changed since".to_owned();
        }
        if (&self.model, &self.model_mark) != (&theirs.model, &theirs.model_mark) {
            return if self.model == theirs.model {
                format!("the model {} has changed since", self.model)
            } else {
                format!("that was with the model {}, this is {}", theirs.model, self.model)
            };
        }
        if self.noctule != theirs.noctule {
            return format!("that was noctule {}, this is {}", theirs.noctule, self.noctule);
        }
        let mut pairs = self.settings.iter().zip(&theirs.settings);
        match pairs.find(|(ours, theirs)| ours != theirs) {
            Some((ours, theirs)) => format!("that was with '{theirs}', this is with '{ours}'"),
            None => "other options were given".to_owned(),
        }
    }
}

impl Mark {
    fn of(path: &Path) -> Result<Self, Failure> {
        Self::read(path).map_err(|error| Failure::work(format!("cannot read {}: {error}", path.display())))
    }

    fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let data = file.metadata()?;
        let modified = data.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let mut bytes = Vec::new();
        file.by_ref().take(SAMPLE).read_to_end(&mut bytes)?;
        file.seek(SeekFrom::Start(data.len().saturating_sub(SAMPLE)))?;
        file.take(SAMPLE).read_to_end(&mut bytes)?;
        let modified = modified.map_or(0, |time| time.as_nanos() as u64);
        Ok(Self { size: data.len(), modified, hash: fnv1a(&bytes) })
    }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo; IETF draft-eastlake-fnv).
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        let ours = Identity { model: "base".into(), settings: vec!["beam_size: 5".into()], ..Identity::default() };
        let differs = |change: fn(&mut Identity)| {
            let mut theirs = ours.clone();
            change(&mut theirs);
            assert_ne!(ours, theirs);
            ours.difference(&theirs)
        };
        assert!(differs(|i| i.input.modified += 1).contains("file has changed"));
        assert!(differs(|i| i.model = "tiny".into()).contains("with the model tiny, this is base"));
        assert!(differs(|i| i.model_mark.hash += 1).contains("model base has changed"));
        assert!(differs(|i| i.noctule = "0.0.1".into()).contains("noctule 0.0.1"));
        assert!(
            differs(|i| i.settings[0] = "beam_size: 1".into()).contains("'beam_size: 1', this is with 'beam_size: 5'")
        );
        assert!(differs(|i| i.settings.push("more".into())).contains("other options"));
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        // Test vectors of the draft.
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_mark_sees_both_ends() {
        let path = std::env::temp_dir().join(format!("noctule-mark-{}", std::process::id()));
        let mut bytes = vec![1u8; 200_000];
        let mut mark = |at: usize| {
            bytes[at] += 1;
            std::fs::write(&path, &bytes).unwrap();
            Mark::of(&path).unwrap()
        };
        let marks = [mark(0), mark(65_535), mark(199_999), mark(140_000)];
        for (i, one) in marks.iter().enumerate() {
            assert_eq!(one.size, 200_000);
            assert!(marks[i + 1..].iter().all(|other| one.hash != other.hash));
        }
        std::fs::write(&path, b"short").unwrap();
        assert_eq!(Mark::of(&path).unwrap().size, 5);
        std::fs::remove_file(&path).unwrap();
        assert!(Mark::of(&path).unwrap_err().to_string().contains("noctule-mark"));
    }
}
