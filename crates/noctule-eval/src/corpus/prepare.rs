//! Recordings that were found → utterances that engines can be given: sampled, measured, cut where a set wants a part of a
//! file, and with the digest of their bytes.

use super::find::{Entry, find};
use super::probe::NO_LANGUAGE;
use super::sample::sample;
use super::{Sounds, Tier, probe};
use crate::{Error, digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// One recording with all that is known of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Utterance {
    /// Its name: the set's, a slash, the name in the set.
    pub id: String,
    /// The file that engines are given; relative to the folder of the evaluation where it lies in it.
    pub audio: PathBuf,
    /// What was said; `None` where nobody wrote it down.
    pub text: Option<String>,
    /// The language's code, `zxx` where there is no speech.
    pub language: Option<String>,
    /// Who speaks.
    pub speaker: Option<String>,
    /// Its length, seconds; 0 when it cannot be read.
    pub duration_s: f64,
    /// SHA-256 of the file; empty when it cannot be read.
    pub sha256: String,
    /// What may be done with it.
    pub licence: Option<String>,
    /// Why it cannot be read.
    pub problem: Option<String>,
}

impl Utterance {
    /// Whether there is nothing said in it.
    pub fn is_probe(&self) -> bool {
        self.language.as_deref() == Some(NO_LANGUAGE)
    }

    /// Whether its words can be counted.
    pub fn is_scored(&self) -> bool {
        !self.is_probe() && self.problem.is_none() && self.text.as_deref().is_some_and(|text| !text.trim().is_empty())
    }

    /// Where its file lies, for an evaluation in `folder`.
    pub fn path(&self, folder: &Path) -> PathBuf {
        folder.join(&self.audio)
    }
}

/// All that engines listen to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Corpus {
    /// The recordings, probes last.
    pub utterances: Vec<Utterance>,
}

impl Corpus {
    /// A digest of everything that the results depend on.
    pub fn hash(&self) -> String {
        let parts = self
            .utterances
            .iter()
            .flat_map(|u| [&u.id, &u.sha256, u.text.as_ref().unwrap_or(&u.id), u.language.as_ref().unwrap_or(&u.id)]);
        digest::of_parts(parts.map(String::as_str))
    }

    /// Seconds of audio that can be read.
    pub fn seconds(&self) -> f64 {
        self.utterances.iter().map(|utterance| utterance.duration_s).sum()
    }
}

/// What to make a corpus of.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Files and folders.
    pub sets: &'a [PathBuf],
    /// How much of them.
    pub tier: Tier,
    /// Decides which.
    pub seed: u64,
    /// Holds where a set says no language.
    pub language: Option<&'a str>,
    /// The folder of the evaluation.
    pub folder: &'a Path,
}

/// Finds, samples and prepares the recordings, and writes probes beside them.
///
/// # Errors
/// Sets that cannot be read, and a folder that cannot be written. A recording that cannot be read is none: it is a row.
pub fn prepare(wanted: &Wanted, sounds: &dyn Sounds) -> Result<Corpus, Error> {
    let mut entries = Vec::new();
    for set in wanted.sets {
        let name = set_name(set);
        entries.extend(find(set)?.into_iter().map(|entry| Entry { id: format!("{name}/{}", entry.id), ..entry }));
    }
    unique(&mut entries);
    let audio = wanted.folder.join("audio");
    fs::create_dir_all(&audio).map_err(Error::io("make the folder", &audio))?;
    let length = |entry: &Entry| match (entry.span, entry.duration_s) {
        _ if !entry.audio.is_file() => Err(format!("there is no file {}", entry.audio.display())),
        (Some((from, to)), _) => Ok(to - from),
        (None, Some(seconds)) => Ok(seconds),
        _ => sounds.duration_s(&entry.audio),
    };
    let taken = sample(entries, wanted.tier.seconds(), wanted.seed, length);
    let speech = taken.into_iter().map(|(entry, length)| utterance(entry, length, wanted, sounds));
    let mut utterances = speech.collect::<Result<Vec<_>, _>>()?;
    for entry in probe::write(&audio)? {
        let length = Ok(entry.duration_s.unwrap_or(0.0));
        utterances.push(utterance(entry, length, wanted, sounds)?);
    }
    Ok(Corpus { utterances })
}

/// The last part of a set's path.
fn set_name(set: &Path) -> String {
    let known = ["manifest.jsonl", "metadata.jsonl", "metadata.csv", "test.tsv", "validated.tsv"];
    let named = set.file_name().is_some_and(|name| known.iter().any(|known| name == *known));
    let path = if named { set.parent().unwrap_or(set) } else { set };
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let stem = if absolute.is_dir() { absolute.file_name() } else { absolute.file_stem() };
    stem.map_or_else(|| "set".into(), |name| name.to_string_lossy().into_owned())
}

/// Two recordings of one name get numbers.
fn unique(entries: &mut [Entry]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for entry in entries {
        let count = seen.entry(entry.id.clone()).or_default();
        *count += 1;
        if *count > 1 {
            entry.id = format!("{}#{count}", entry.id);
        }
    }
}

fn utterance(
    entry: Entry,
    length: Result<f64, String>,
    wanted: &Wanted,
    sounds: &dyn Sounds,
) -> Result<Utterance, Error> {
    let ready = length.and_then(|length| ready(&entry, length, wanted.folder, sounds));
    let (audio, duration_s, problem) = match ready {
        Ok((audio, seconds)) => (audio, seconds, None),
        Err(problem) => (entry.audio.clone(), 0.0, Some(problem)),
    };
    let sha256 = match problem {
        None => digest::of_file(&audio)?,
        Some(_) => String::new(),
    };
    let audio = audio.strip_prefix(wanted.folder).map(Path::to_path_buf).unwrap_or_else(|_| absolute(&audio));
    let language = entry.language.or_else(|| wanted.language.map(str::to_owned));
    Ok(Utterance {
        id: entry.id,
        audio,
        text: entry.text,
        language,
        speaker: entry.speaker,
        duration_s,
        sha256,
        licence: entry.licence,
        problem,
    })
}

/// A file that holds just this recording, and its length.
fn ready(entry: &Entry, length: f64, folder: &Path, sounds: &dyn Sounds) -> Result<(PathBuf, f64), String> {
    let Some((from, to)) = entry.span else {
        return Ok((entry.audio.clone(), length));
    };
    // Lists often write the whole of a recording as a part of it.
    if from == 0.0 && sounds.duration_s(&entry.audio)? <= to + 0.05 {
        return Ok((entry.audio.clone(), length));
    }
    let name: String =
        entry.id.chars().map(|c| if c.is_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    let wav = folder.join("audio").join(format!("{name}.wav"));
    let seconds = sounds.extract(&entry.audio, Some((from, to)), &wav)?;
    Ok((wav, seconds))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::super::find::tests::set;
    use super::super::probe::PlainWav;
    use super::*;

    fn corpus(set: &Path, folder: &Path, tier: Tier) -> Result<Corpus, Error> {
        let sets = [set.to_path_buf()];
        prepare(&Wanted { sets: &sets, tier, seed: 1, language: Some("en"), folder }, &PlainWav)
    }

    #[test]
    fn recordings_are_measured_cut_and_named() {
        let out = tempfile::tempdir().unwrap();
        let probes = tempfile::tempdir().unwrap();
        probe::write(probes.path()).unwrap();
        let manifest = "{\"audio\": \"probe-noise.wav\", \"text\": \"all\", \"offset\": 0, \"duration\": 10}\n\
                        {\"audio\": \"probe-hum.wav\", \"text\": \"part\", \"offset\": 2, \"duration\": 3.5, \"language\": \"de\"}\n\
                        {\"audio\": \"broken.wav\", \"text\": \"x\"}\n{\"audio\": \"missing.wav\", \"text\": \"y\", \"duration\": 2}\n";
        fs::write(probes.path().join("manifest.jsonl"), manifest).unwrap();
        fs::write(probes.path().join("broken.wav"), "no sound").unwrap();
        let corpus = corpus(probes.path(), out.path(), Tier::Full).unwrap();
        let [all, part, broken, missing, silence, ..] = &corpus.utterances[..] else { panic!("{corpus:?}") };
        assert_eq!((all.duration_s, all.language.as_deref()), (10.0, Some("en")));
        assert!(all.audio.is_absolute());
        assert_eq!(
            (part.duration_s, part.language.as_deref(), part.audio.starts_with("audio")),
            (3.5, Some("de"), true)
        );
        assert!(part.path(out.path()).is_file());
        assert!(broken.problem.as_ref().unwrap().contains("no WAV") && !broken.is_scored());
        assert!(missing.problem.as_ref().unwrap().contains("missing.wav"));
        assert!(silence.is_probe() && !silence.is_scored() && silence.audio.starts_with("audio"));
        assert_eq!(corpus.utterances.len(), 8);
        assert_eq!(corpus.seconds(), 53.5);
    }

    #[test]
    fn the_hash_follows_what_is_heard_and_expected() {
        let out = tempfile::tempdir().unwrap();
        let probes = tempfile::tempdir().unwrap();
        probe::write(probes.path()).unwrap();
        let first = corpus(probes.path(), out.path(), Tier::Full).unwrap();
        assert_eq!(corpus(probes.path(), out.path(), Tier::Full).unwrap().hash(), first.hash());
        fs::write(probes.path().join("probe-hum.txt"), "hmm").unwrap();
        let second = corpus(probes.path(), out.path(), Tier::Full).unwrap();
        assert_ne!(second.hash(), first.hash());
        fs::copy(probes.path().join("probe-hum.wav"), probes.path().join("probe-room.wav")).unwrap();
        assert_ne!(corpus(probes.path(), out.path(), Tier::Full).unwrap().hash(), second.hash());
    }

    #[test]
    fn names_are_unique() {
        let folder = set(&[("a.wav", ""), ("a.flac", "")]);
        let out = tempfile::tempdir().unwrap();
        let corpus = corpus(folder.path(), out.path(), Tier::Full).unwrap();
        let ids: Vec<&str> = corpus.utterances.iter().map(|u| u.id.rsplit('/').next().unwrap()).collect();
        assert_eq!(ids[..2], ["a", "a#2"]);
    }
}
