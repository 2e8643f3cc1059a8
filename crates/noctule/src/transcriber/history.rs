//! What the decoder remembers from window to window.

use crate::hypothesis::Failure;
use crate::options::Options;
use crate::weights::Net;
use crate::window::{Opening, Outcome};
use serde::{Deserialize, Serialize};

/// Tokens that stand in front of the next window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    /// Carried prompt, in front of every window.
    fixed: Vec<u32>,
    /// Prompt and previous text.
    rolling: Vec<u32>,
}

impl History {
    /// Before the first window.
    pub fn new(prompt: Vec<u32>, options: &Options) -> Self {
        if options.context.carry_prompt {
            Self { fixed: prompt, rolling: Vec::new() }
        } else {
            Self { fixed: Vec::new(), rolling: prompt }
        }
    }

    pub fn clear(&mut self) {
        self.fixed.clear();
        self.rolling.clear();
    }

    /// Marker, carried prompt and as much of the latest text as fits; empty when there is nothing to say.
    pub fn context(&self, net: Net, options: &Options) -> Vec<u32> {
        let most = options.context.max_tokens.min(net.model.hparams().n_text_ctx / 2);
        if most < 2 || (self.fixed.is_empty() && self.rolling.is_empty()) {
            return Vec::new();
        }
        let fixed = tail(&self.fixed, most - 1);
        let rolling = tail(&self.rolling, most - 1 - fixed.len());
        [&[net.model.vocab().prev()], fixed, rolling].concat()
    }

    /// Takes in the text of a window. What only a high temperature or nothing
    /// could make of the audio is not shown to the next window.
    pub fn update(&mut self, outcome: &Outcome, opening: &Opening, silent: bool, options: &Options) {
        let unsure = outcome.temperature > 0.5 || outcome.failure == Some(Failure::Repetition);
        if !outcome.used_context && !opening.context.is_empty() || unsure {
            self.rolling.clear();
        }
        if options.context.previous_text && !silent && !unsure {
            let hypothesis = &outcome.hypothesis;
            self.rolling.extend_from_slice(&hypothesis.tokens[..hypothesis.result_len]);
        } else if !options.context.previous_text {
            self.rolling.clear();
        }
        let excess = self.rolling.len().saturating_sub(options.context.max_tokens);
        self.rolling.drain(..excess);
    }
}

fn tail(tokens: &[u32], most: usize) -> &[u32] {
    &tokens[tokens.len().saturating_sub(most)..]
}
