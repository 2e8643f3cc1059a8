//! Texts of the journal → words that were counted, utterance by utterance.

use super::Evidence;
use crate::align::{Counts, Operation, align};
use crate::corpus::Utterance;
use crate::journal::{Outcome, Text, Unit};
use crate::normalize::{BasicNormalizer, CHARACTERS, EnglishNormalizer, characters, words};
use crate::plan::{Cell, Task};
use crate::signals::{self, Limits, Signal, Signals};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// One recording as one cell heard it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The recording, by its index.
    pub utterance: usize,
    /// What was written down; `None` if nothing could be, which counts as silence.
    pub text: Option<String>,
    /// Words as they were counted.
    pub words: Vec<String>,
    /// What happened at each place: `=` hit, `s` substitution, `d` deletion, `i` insertion.
    pub operations: String,
    /// Errors after normalising.
    pub counts: Counts,
    /// Errors of the words as they are, lower case aside.
    pub raw: Counts,
    /// Errors of characters.
    pub characters: Counts,
    /// What the text is suspected of.
    pub suspicions: Vec<Suspicion>,
}

/// What a text is suspected of, in four kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suspicion {
    /// The decoder went round in a loop.
    Loop,
    /// Words that nobody said.
    Invention,
    /// Much is missing.
    Short,
    /// Much is too much, or too fast.
    Long,
}

/// How the texts of a language are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Words after OpenAI's English normaliser.
    English,
    /// Words after OpenAI's Basic normaliser.
    Basic,
    /// Characters: the language writes no blanks between words.
    Characters,
}

/// The scale of a language; English where nobody says which.
pub fn scale_of(language: Option<&str>) -> Scale {
    match language {
        None | Some("en") => Scale::English,
        Some("zh" | "ja" | "yue" | "th" | "lo" | "my" | "km" | "bo") => Scale::Characters,
        Some(_) => Scale::Basic,
    }
}

impl Scale {
    fn name(self) -> String {
        match self {
            Self::English => "OpenAI English (openai-whisper 20250625)".into(),
            Self::Basic => BasicNormalizer::default().name().to_owned(),
            Self::Characters => CHARACTERS.to_owned(),
        }
    }
}

/// A reference, normalised once.
#[derive(Debug, Clone, Default)]
struct Reference {
    words: Vec<String>,
    raw: Vec<String>,
    characters: Vec<String>,
}

/// All scores of an evaluation.
#[derive(Debug, Clone, Default)]
pub struct Scores {
    by_cell: HashMap<String, Vec<Score>>,
    normalizers: BTreeMap<String, String>,
    /// Words of each reference as they were counted, by the recording's index.
    pub references: BTreeMap<usize, Vec<String>>,
}

impl Scores {
    /// Scores every text of every accuracy cell.
    pub fn of(evidence: &Evidence) -> Self {
        let scorer = Scorer::new(&evidence.plan.corpus.utterances);
        let mut scores = Self::default();
        for cell in evidence.plan.cells.iter().filter(|cell| cell.task == Task::Accuracy) {
            let found = scorer.cell(cell, evidence.done.of(&cell.id));
            scores.by_cell.insert(cell.id.clone(), found);
        }
        for (index, utterance) in evidence.plan.corpus.utterances.iter().enumerate() {
            if utterance.is_scored() {
                let language = utterance.language.clone().unwrap_or_else(|| "en".into());
                scores.normalizers.entry(language).or_insert_with(|| scale_of(utterance.language.as_deref()).name());
                scores.references.insert(index, scorer.references[index].words.clone());
            }
        }
        scores
    }

    /// Of one cell, in the order of the recordings.
    pub fn cell(&self, id: &str) -> &[Score] {
        self.by_cell.get(id).map_or(&[], Vec::as_slice)
    }

    /// Names of the normalisers by language.
    pub fn normalizers(&self) -> Vec<(String, String)> {
        self.normalizers.clone().into_iter().collect()
    }
}

struct Scorer<'a> {
    utterances: &'a [Utterance],
    by_name: HashMap<&'a str, usize>,
    references: Vec<Reference>,
    english: EnglishNormalizer,
    basic: BasicNormalizer,
}

impl<'a> Scorer<'a> {
    fn new(utterances: &'a [Utterance]) -> Self {
        let by_name = utterances.iter().enumerate().map(|(index, u)| (u.id.as_str(), index)).collect();
        let (english, basic) = (EnglishNormalizer::new(), BasicNormalizer::default());
        let mut scorer = Self { utterances, by_name, references: Vec::new(), english, basic };
        let reference = |u: &Utterance| match u.is_scored() {
            true => scorer.prepare(u.text.as_deref().unwrap_or_default(), scale_of(u.language.as_deref())),
            false => Reference::default(),
        };
        scorer.references = utterances.iter().map(reference).collect();
        scorer
    }

    fn prepare(&self, text: &str, scale: Scale) -> Reference {
        let owned = |text: &str| words(text).into_iter().map(str::to_owned).collect::<Vec<_>>();
        let characters = characters(text);
        let normal = match scale {
            Scale::English => owned(&self.english.normalize(text)),
            Scale::Basic => owned(&self.basic.normalize(text)),
            Scale::Characters => characters.clone(),
        };
        Reference { words: normal, raw: owned(&text.to_lowercase()), characters }
    }

    /// Scores of a cell: of several texts of one recording the last counts.
    fn cell(&self, cell: &Cell, outcomes: &[Outcome]) -> Vec<Score> {
        let mut texts: BTreeMap<usize, Text> = BTreeMap::new();
        for outcome in outcomes {
            for text in &outcome.texts {
                if let Some(index) = self.by_name.get(text.utterance.as_str()) {
                    texts.insert(*index, text.clone());
                }
            }
            // A recording that an engine failed at when it was given alone.
            if let (Unit::Single(index), false) = (outcome.unit, outcome.status.has_figures()) {
                let utterance = self.utterances.get(index as usize).map(|u| u.id.clone()).unwrap_or_default();
                let problem = Some(outcome.status.name().to_owned());
                texts.entry(index as usize).or_insert(Text { utterance, problem, ..Text::default() });
            }
        }
        debug_assert_eq!(cell.task, Task::Accuracy);
        texts.into_iter().map(|(index, text)| self.score(index, text)).collect()
    }

    fn score(&self, index: usize, text: Text) -> Score {
        let utterance = &self.utterances[index];
        let scale = scale_of(utterance.language.as_deref());
        let said = text.text.as_deref().unwrap_or_default();
        let heard = self.prepare(said, scale);
        let reference = &self.references[index];
        let steps = align(&reference.words, &heard.words);
        let letter = |operation| match operation {
            Operation::Hit => '=',
            Operation::Substitution => 's',
            Operation::Deletion => 'd',
            Operation::Insertion => 'i',
        };
        let mut counts = Counts::default();
        for step in &steps {
            counts += Counts::from(step.operation);
        }
        let signals = Signals::of(&signals::Evidence {
            text: said,
            tokens: None,
            seconds: (utterance.duration_s > 0.0).then_some(utterance.duration_s),
            reference: utterance.text.as_deref().filter(|_| utterance.is_scored() || utterance.is_probe()),
            by_character: scale == Scale::Characters,
        });
        Score {
            utterance: index,
            operations: steps.iter().map(|step| letter(step.operation)).collect(),
            counts,
            raw: Counts::of(&reference.raw, &heard.raw),
            characters: Counts::of(&reference.characters, &heard.characters),
            suspicions: suspicions(&signals),
            words: heard.words,
            text: text.text,
        }
    }
}

fn suspicions(signals: &Signals) -> Vec<Suspicion> {
    let mut found: Vec<Suspicion> = signals
        .raised(&Limits::default())
        .into_iter()
        .map(|signal| match signal {
            Signal::Compression | Signal::Entropy | Signal::Repetition => Suspicion::Loop,
            Signal::Phrase | Signal::Silence => Suspicion::Invention,
            Signal::Short => Suspicion::Short,
            Signal::Long | Signal::Speed => Suspicion::Long,
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}
