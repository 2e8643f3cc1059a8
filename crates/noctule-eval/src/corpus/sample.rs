//! As much of a set as the time allows, the same for the same seed.

use super::find::Entry;
use crate::statistics::SplitMix64;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much audio is taken from the sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// One minute: does it work?
    Smoke,
    /// Eight minutes: a first ranking.
    Quick,
    /// Half an hour.
    Standard,
    /// All of it.
    Full,
}

impl Tier {
    /// Every tier, shortest first.
    pub const ALL: [Self; 4] = [Self::Smoke, Self::Quick, Self::Standard, Self::Full];

    /// For people and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Standard => "standard",
            Self::Full => "full",
        }
    }

    /// About how much audio, seconds.
    pub fn seconds(self) -> f64 {
        match self {
            Self::Smoke => 60.0,
            Self::Quick => 480.0,
            Self::Standard => 1800.0,
            Self::Full => f64::INFINITY,
        }
    }
}

/// What a sample may go beyond the time, so that long recordings are not left out for good.
const OVER: f64 = 1.1;

/// Takes recordings until `seconds` are full: one of each speaker in turn, in an order that `seed` decides, so that no
/// speaker counts more than others. They come back in the order of the set, each with its length or why it has none;
/// `duration` is asked only for what might be taken.
pub fn sample(
    entries: Vec<Entry>,
    seconds: f64,
    seed: u64,
    mut duration: impl FnMut(&Entry) -> Result<f64, String>,
) -> Vec<(Entry, Result<f64, String>)> {
    let mut taken: Vec<(usize, Result<f64, String>)> = Vec::new();
    let mut full = 0.0;
    for index in order(&entries, seconds, seed) {
        if full >= seconds {
            break;
        }
        let length = duration(&entries[index]);
        let long = length.as_ref().copied().unwrap_or(0.0);
        if full > 0.0 && full + long > seconds * OVER {
            continue;
        }
        full += long;
        taken.push((index, length));
    }
    taken.sort_by_key(|(index, _)| *index);
    let mut lengths = taken.into_iter().peekable();
    let kept = entries.into_iter().enumerate().filter_map(|(index, entry)| {
        let (_, length) = lengths.next_if(|(taken, _)| *taken == index)?;
        Some((entry, length))
    });
    kept.collect()
}

/// Indices in the order in which they are tried.
fn order(entries: &[Entry], seconds: f64, seed: u64) -> Vec<usize> {
    if seconds.is_infinite() {
        return (0..entries.len()).collect();
    }
    let mut by_speaker: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        // Who is not known is somebody else.
        by_speaker.entry(entry.speaker.as_deref().unwrap_or(&entry.id)).or_default().push(index);
    }
    let mut random = SplitMix64::new(seed);
    let mut speakers: Vec<Vec<usize>> = by_speaker.into_values().collect();
    random.shuffle(&mut speakers);
    speakers.iter_mut().for_each(|indices| random.shuffle(indices));
    let most = speakers.iter().map(Vec::len).max().unwrap_or(0);
    (0..most).flat_map(|turn| speakers.iter().filter_map(move |indices| indices.get(turn).copied())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let entry = |i: usize| Entry {
            id: format!("u{i:02}"),
            // Speaker 0 has half of all.
            speaker: Some(format!("s{}", if i < 20 { 0 } else { i % 5 + 1 })),
            duration_s: Some(10.0),
            ..Entry::default()
        };
        (0..40).map(entry).collect()
    }

    fn ids(seconds: f64, seed: u64) -> Vec<String> {
        let taken = sample(entries(), seconds, seed, |entry| Ok(entry.duration_s.unwrap()));
        taken.into_iter().map(|(entry, _)| entry.id).collect()
    }

    #[test]
    fn speakers_count_alike_and_seeds_decide() {
        let taken = ids(60.0, 1);
        assert_eq!(taken.len(), 6);
        assert!(taken.is_sorted());
        assert_eq!(taken.iter().filter(|id| id.as_str() < "u20").count(), 1);
        assert_eq!(ids(60.0, 1), taken);
        assert_ne!(ids(60.0, 2), taken);
        assert_eq!(ids(f64::INFINITY, 1).len(), 40);
    }

    #[test]
    fn lengths_are_asked_for_only_where_needed() {
        let mut asked = 0;
        let taken = sample(entries(), 30.0, 1, |_| {
            asked += 1;
            Ok(10.0)
        });
        assert_eq!((taken.len(), asked), (3, 3));
    }

    #[test]
    fn what_cannot_be_read_takes_no_time() {
        let taken = sample(entries(), 30.0, 1, |entry| match entry.speaker.as_deref() {
            Some("s0") => Err("broken".into()),
            _ => Ok(10.0),
        });
        assert_eq!(taken.iter().filter(|(_, length)| length.is_ok()).count(), 3);
        assert_eq!(taken.iter().filter(|(_, length)| length.is_err()).count(), 1);
    }

    #[test]
    fn a_long_recording_alone_is_taken_and_beside_others_not() {
        let one = vec![Entry { id: "a".into(), ..Entry::default() }];
        assert_eq!(sample(one, 60.0, 1, |_| Ok(500.0)).len(), 1);
        let lengths = [30.0, 500.0, 29.0];
        let three = (0..3).map(|i| Entry { id: i.to_string(), ..Entry::default() }).collect();
        let taken = sample(three, 60.0, 4, |entry| Ok(lengths[entry.id.parse::<usize>().unwrap()]));
        assert!(!taken.is_empty() && taken.len() < 3);
    }
}
