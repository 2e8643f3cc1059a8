//! What a session tells: one value for each thing that happens.
//!
//! As JSON (`noctule listen --json`) an event is one object with a `type`; docs/schema/listen.schema.json describes
//! them. Places and times are seconds: `time_s` on the session's [clock](crate::clock), everything else in the stream of samples.

use crate::pace::Level;
use noctule::Segment;
use serde::{Serialize, Serializer};

/// An event and when it happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stamped {
    /// Seconds since the session began.
    #[serde(serialize_with = "milli")]
    pub time_s: f64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// A word as events give it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Word {
    /// The word with its leading blank and clinging punctuation.
    pub word: String,
    /// Start in the stream.
    #[serde(serialize_with = "milli")]
    pub start: f64,
    /// End in the stream.
    #[serde(serialize_with = "milli")]
    pub end: f64,
    /// Mean probability of its tokens.
    pub probability: f32,
}

/// What happens in a session.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// Somebody has begun to speak.
    SpeechStart {
        /// Where, pre-roll included.
        #[serde(serialize_with = "milli")]
        at: f64,
    },
    /// The tentative words behind those that stand; they replace the ones of the last `partial`.
    Partial {
        /// Their text; empty when they are withdrawn and nothing stands for them.
        text: String,
        /// How far the audio was heard.
        #[serde(serialize_with = "milli")]
        heard: f64,
    },
    /// Words that stand from now on. They come in order and never change. Tentative words are withdrawn; a `partial` follows where
    /// there are some behind these.
    Commit {
        /// Their text.
        text: String,
        /// They themselves.
        words: Vec<Word>,
    },
    /// A segment is complete: a sentence, or what was said up to a pause.
    Segment(SegmentEvent),
    /// The speaker has paused. Everything said before stands.
    SpeechEnd {
        /// Where.
        #[serde(serialize_with = "milli")]
        at: f64,
    },
    /// The language, as the model hears it.
    Language {
        /// Its code.
        language: &'static str,
        /// Its probability.
        probability: f32,
    },
    /// Computing falls behind, or has caught up; what is left out changes.
    Lag {
        /// Audio that waits to be heard.
        #[serde(serialize_with = "milli")]
        lag_s: f64,
        /// What is left out now.
        level: Level,
        /// Audio after which text is looked for again; null: only at pauses.
        #[serde(serialize_with = "maybe_milli")]
        step_s: Option<f64>,
    },
    /// Samples were lost before they got here; silence stands for them.
    Lost {
        /// Where.
        #[serde(serialize_with = "milli")]
        at: f64,
        /// How much.
        #[serde(serialize_with = "milli")]
        seconds: f64,
    },
    /// How the session does.
    Stats(Stats),
}

/// A complete segment.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentEvent(pub Segment);

/// Numbers about a session so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stats {
    /// Audio that came in.
    #[serde(serialize_with = "milli")]
    pub audio_s: f64,
    /// Audio that waits to be heard.
    #[serde(serialize_with = "milli")]
    pub lag_s: f64,
    /// Mean time of a step.
    #[serde(serialize_with = "milli")]
    pub cost_s: f64,
    /// Audio after which text is looked for again; null: only at pauses.
    #[serde(serialize_with = "maybe_milli")]
    pub step_s: Option<f64>,
    /// What is left out.
    pub level: Level,
    /// Processor time of computing so far.
    #[serde(serialize_with = "milli")]
    pub computed_s: f64,
    /// Times that the encoder ran.
    pub encodes: u64,
    /// Words that stand.
    pub words: u64,
    /// Mean time from the end of a word to its commit, of the last words.
    #[serde(serialize_with = "milli")]
    pub latency_s: f64,
    /// Audio that was lost.
    #[serde(serialize_with = "milli")]
    pub lost_s: f64,
}

impl Serialize for SegmentEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Json<'a> {
            id: usize,
            #[serde(serialize_with = "milli")]
            start: f64,
            #[serde(serialize_with = "milli")]
            end: f64,
            text: &'a str,
            avg_logprob: f32,
            no_speech_prob: f32,
            words: Vec<Word>,
            #[serde(skip_serializing_if = "Option::is_none")]
            speaker: Option<noctule::transcript::Speaker>,
            #[serde(skip_serializing_if = "Option::is_none")]
            doubt: Option<noctule::transcript::Doubt>,
        }
        let segment = &self.0;
        let word = |word: &noctule::Word| Word {
            word: word.word.clone(),
            start: word.start,
            end: word.end,
            probability: word.probability,
        };
        Json {
            id: segment.id,
            start: segment.start,
            end: segment.end,
            text: &segment.text,
            avg_logprob: segment.avg_logprob,
            no_speech_prob: segment.no_speech_prob,
            words: segment.words.iter().map(word).collect(),
            speaker: segment.speaker,
            doubt: segment.doubt,
        }
        .serialize(serializer)
    }
}

/// Seconds to the millisecond.
fn milli<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((value * 1000.0).round() / 1000.0)
}

fn maybe_milli<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => milli(value, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_objects_with_a_type() {
        let json = |event| serde_json::to_string(&Stamped { time_s: 1.234_56, event }).unwrap();
        assert_eq!(json(Event::SpeechStart { at: 0.1 + 0.2 }), r#"{"time_s":1.235,"type":"speech-start","at":0.3}"#);
        let lag = Event::Lag { lag_s: 3.0, level: Level::LongSteps, step_s: None };
        assert_eq!(json(lag), r#"{"time_s":1.235,"type":"lag","lag_s":3.0,"level":"long-steps","step_s":null}"#);
    }
}
