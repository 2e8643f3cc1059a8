//! Scores → error rates with intervals, and paired comparisons with the float model.

use super::Evidence;
use super::score::{Scale, Score, Suspicion, scale_of};
use crate::align::Counts;
use crate::quality_share::{self, QualityShare};
use crate::statistics::{
    Bootstrap, Difference, Interval, Pair, blocks, error_rate, error_rate_difference, zero_errors_bound,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// What was found about the words of one language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// The language; `en` where nobody says which.
    pub language: String,
    /// Whether characters were counted instead of words.
    pub by_character: bool,
    /// Pooled error rate, with an interval over speakers.
    pub error_rate: Interval,
    /// What it consists of.
    pub counts: Counts,
    /// Error rate of the words as they stand, punctuation included.
    pub raw_error_rate: f64,
    /// Error rate of the characters.
    pub character_error_rate: f64,
    /// Recordings that were counted.
    pub utterances: usize,
    /// Of these, recordings that gave no text and counted as silence.
    pub silent: usize,
    /// Recordings suspected of something.
    pub suspicions: BTreeMap<Suspicion, usize>,
    /// Compared with the float model of the same engine and settings, where there is one.
    pub paired: Option<Paired>,
}

/// Two configurations on the same recordings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// The model that is compared with.
    pub baseline: String,
    /// Error rate less that of the baseline.
    pub difference: Difference,
    /// Recordings that got better, stayed equal, got worse.
    pub quality: QualityShare,
    /// Share that is no worse, where it can be told.
    pub no_worse: Option<Interval>,
}

/// Error rates by language, the one with most words first.
pub(super) fn accuracy(evidence: &Evidence, scores: &[Score], baseline: Option<(&str, &[Score])>) -> Vec<Accuracy> {
    let mut by_language: BTreeMap<String, Vec<&Score>> = BTreeMap::new();
    for score in scores {
        let utterance = &evidence.plan.corpus.utterances[score.utterance];
        if utterance.is_scored() {
            let language = utterance.language.clone().unwrap_or_else(|| "en".into());
            by_language.entry(language).or_default().push(score);
        }
    }
    let bootstrap = evidence.bootstrap();
    let mut all: Vec<Accuracy> = by_language
        .into_iter()
        .filter_map(|(language, scores)| of_language(evidence, language, &scores, baseline, &bootstrap))
        .collect();
    all.sort_by_key(|accuracy| std::cmp::Reverse(accuracy.counts.reference_words()));
    all
}

fn of_language(
    evidence: &Evidence,
    language: String,
    scores: &[&Score],
    baseline: Option<(&str, &[Score])>,
    bootstrap: &Bootstrap,
) -> Option<Accuracy> {
    let sum = |of: fn(&Score) -> Counts| scores.iter().map(|score| of(score)).sum::<Counts>();
    let counts = sum(|score| score.counts);
    let mut suspicions = BTreeMap::new();
    for suspicion in scores.iter().flat_map(|score| &score.suspicions) {
        *suspicions.entry(*suspicion).or_default() += 1;
    }
    Some(Accuracy {
        by_character: scale_of(Some(&language)) == Scale::Characters,
        error_rate: interval(&by_speaker(evidence, scores.iter().map(|s| (s.utterance, s.counts))), counts, bootstrap)?,
        counts,
        raw_error_rate: sum(|score| score.raw).error_rate()?,
        character_error_rate: sum(|score| score.characters).error_rate()?,
        utterances: scores.len(),
        silent: scores.iter().filter(|score| score.text.is_none()).count(),
        suspicions,
        paired: baseline.and_then(|(name, before)| paired(evidence, name, before, scores, bootstrap)),
        language,
    })
}

/// Who speaks; every recording is its own speaker where nobody says, and where all are of one.
pub(crate) fn by_speaker<T: std::ops::AddAssign + Clone>(
    evidence: &Evidence,
    of: impl Iterator<Item = (usize, T)>,
) -> Vec<T> {
    let all: Vec<(usize, T)> = of.collect();
    let utterances = &evidence.plan.corpus.utterances;
    let name = |index: usize| utterances[index].speaker.as_deref().unwrap_or(&utterances[index].id);
    let found = blocks(all.iter().cloned().map(|(index, counts)| (name(index), counts)));
    if found.len() > 1 { found } else { all.into_iter().map(|(_, counts)| counts).collect() }
}

/// The pooled rate with an interval; where nothing was wrong the rule of three says how bad it may be.
fn interval(blocks: &[Counts], counts: Counts, bootstrap: &Bootstrap) -> Option<Interval> {
    let estimate = counts.error_rate()?;
    let bound = zero_errors_bound(counts.reference_words(), bootstrap.level);
    let wide = Interval { estimate, low: 0.0, high: estimate.max(1.0), level: bootstrap.level };
    let found = error_rate(blocks, bootstrap).unwrap_or(wide);
    Some(if counts.errors() == 0 { Interval { high: bound, ..found } } else { found })
}

fn paired(
    evidence: &Evidence,
    name: &str,
    before: &[Score],
    after: &[&Score],
    bootstrap: &Bootstrap,
) -> Option<Paired> {
    let before: HashMap<usize, &Score> = before.iter().map(|score| (score.utterance, score)).collect();
    let pairs =
        after.iter().filter_map(|score| Some((score.utterance, before.get(&score.utterance)?.counts, score.counts)));
    let pairs: Vec<(usize, Counts, Counts)> = pairs.collect();
    let counts =
        pairs.iter().map(|(index, baseline, candidate)| (*index, Pair { baseline: *baseline, candidate: *candidate }));
    let shares = pairs.iter().map(|(index, baseline, candidate)| (*index, QualityShare::of(baseline, candidate)));
    let by_speaker_shares = by_speaker(evidence, shares);
    let mut quality = QualityShare::default();
    by_speaker_shares.iter().for_each(|share| quality += *share);
    Some(Paired {
        baseline: name.to_owned(),
        difference: error_rate_difference(&by_speaker(evidence, counts), bootstrap).ok()?,
        quality,
        no_worse: quality_share::interval(&by_speaker_shares, bootstrap).ok(),
    })
}
