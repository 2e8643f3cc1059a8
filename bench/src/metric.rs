//! What is measured, and the jobs that measure it.

use std::fmt;
use std::str::FromStr;

/// One quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Opening the model, ms.
    Load,
    /// Log-mel spectrogram of the clip, ms.
    Mel,
    /// One window of 30 s through the encoder, ms.
    Encode,
    /// Prompts of 256 tokens, ms a token.
    Prompt,
    /// One token at a time, ms a token.
    Single,
    /// Five tokens at a time, ms a token.
    Batch,
    /// The whole clip with one beam, from the start of the process to its end, s.
    GreedyClip,
    /// The same with five beams.
    BeamClip,
    /// Largest resident set with one beam, MB (10⁶ bytes).
    GreedyRss,
    /// The same with five beams.
    BeamRss,
    /// What all threads together read from memory, 10⁹ bytes a second.
    Bandwidth,
}

impl Metric {
    /// All, in the order of the pipeline.
    pub const ALL: [Metric; 11] = [
        Metric::Load,
        Metric::Mel,
        Metric::Encode,
        Metric::Prompt,
        Metric::Single,
        Metric::Batch,
        Metric::GreedyClip,
        Metric::BeamClip,
        Metric::GreedyRss,
        Metric::BeamRss,
        Metric::Bandwidth,
    ];

    /// Name in records, with its unit.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Load => "load_ms",
            Metric::Mel => "mel_ms",
            Metric::Encode => "encode_ms",
            Metric::Prompt => "prompt_ms_token",
            Metric::Single => "decode1_ms_token",
            Metric::Batch => "decode5_ms_token",
            Metric::GreedyClip => "clip_greedy_s",
            Metric::BeamClip => "clip_beam5_s",
            Metric::GreedyRss => "rss_greedy_mb",
            Metric::BeamRss => "rss_beam5_mb",
            Metric::Bandwidth => "read_gb_s",
        }
    }

    /// What it is, for people.
    pub fn title(self) -> &'static str {
        match self {
            Metric::Load => "load, ms",
            Metric::Mel => "mel, ms",
            Metric::Encode => "encode, ms",
            Metric::Prompt => "prompt of 256, ms a token",
            Metric::Single => "decode, 1 beam, ms a token",
            Metric::Batch => "decode, 5 beams, ms a token",
            Metric::GreedyClip => "whole clip, 1 beam, s",
            Metric::BeamClip => "whole clip, 5 beams, s",
            Metric::GreedyRss => "peak RSS beyond the model, 1 beam, MB",
            Metric::BeamRss => "peak RSS beyond the model, 5 beams, MB",
            Metric::Bandwidth => "memory read, GB/s",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|metric| metric.name() == name)
            .ok_or_else(|| format!("no quantity is called {name}"))
    }
}

/// One process, which gives several quantities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, clap::ValueEnum)]
pub enum Job {
    /// The network without audio: whisper-bench's loads.
    Network,
    /// A clip with one beam.
    Greedy,
    /// A clip with five beams.
    Beam5,
}

impl Job {
    /// Name in records and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Job::Network => "network",
            Job::Greedy => "greedy",
            Job::Beam5 => "beam5",
        }
    }

    /// Beams of a clip.
    pub fn beams(self) -> usize {
        if self == Job::Beam5 { 5 } else { 1 }
    }

    /// Wall-clock time and memory of a clip.
    pub fn clip_metrics(self) -> (Metric, Metric) {
        match self {
            Job::Beam5 => (Metric::BeamClip, Metric::BeamRss),
            _ => (Metric::GreedyClip, Metric::GreedyRss),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for metric in Metric::ALL {
            assert_eq!(metric.name().parse(), Ok(metric));
            assert_eq!(metric.to_string(), metric.name());
        }
        assert!("speed".parse::<Metric>().is_err());
    }
}
