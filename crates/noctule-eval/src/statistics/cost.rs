//! What a transcription costs, by what it does.

use super::Error;
use super::least_squares::{Fit, non_negative_least_squares};

/// One timed run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Windows that were encoded.
    pub windows: f64,
    /// Tokens that were decoded, those of attempts that were thrown away included.
    pub tokens: f64,
    /// Time from start to end, seconds.
    pub seconds: f64,
}

/// time = load + windows · encode + tokens · step, fitted to runs, with no part below 0.
///
/// The squares of the *relative* residuals are least: the scatter of a time grows with the time, and one long run
/// should not outvote ten short ones.
#[derive(Debug, Clone, PartialEq)]
pub struct CostModel {
    fit: Fit<3>,
}

/// A time that the model foretells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Seconds.
    pub seconds: f64,
    /// Standard error of that, seconds: how well the runs determine the model, not how much a single run scatters.
    pub standard_error: f64,
}

impl CostModel {
    /// Fails for fewer than four runs, times that are not above 0, and runs that do not differ: to tell the cost of a
    /// window from that of loading, some must have more windows than others.
    pub fn fit(runs: &[Run]) -> Result<Self, Error> {
        if let Some(run) = runs.iter().find(|run| !(run.seconds > 0.0 && run.seconds.is_finite())) {
            return Err(Error::Value { what: "the time of a run", value: run.seconds });
        }
        // Divided by the time itself, so that what is left unexplained is in parts of it.
        let row = |run: &Run| ([1.0, run.windows, run.tokens].map(|value| value / run.seconds), 1.0);
        let columns = ["loading", "the number of windows", "the number of tokens"];
        Ok(Self { fit: non_negative_least_squares(columns, &runs.iter().map(row).collect::<Vec<_>>())? })
    }

    /// Seconds for loading the model and starting.
    pub fn load(&self) -> f64 {
        self.fit.coefficients[0]
    }

    /// Seconds for a window of the encoder, with its spectrogram.
    pub fn encode(&self) -> f64 {
        self.fit.coefficients[1]
    }

    /// Seconds for a token.
    pub fn step(&self) -> f64 {
        self.fit.coefficients[2]
    }

    /// By run: what the model leaves unexplained in parts of the run's time. Above 0 the run was slower than the model
    /// says.
    pub fn relative_residuals(&self) -> &[f64] {
        &self.fit.residuals
    }

    /// Standard deviation of the relative residuals.
    pub fn scatter(&self) -> f64 {
        self.fit.scatter()
    }

    /// The time for so many windows and tokens. An hour of speech has 120 windows or more.
    pub fn predict(&self, windows: f64, tokens: f64) -> Prediction {
        let row = [1.0, windows, tokens];
        Prediction { seconds: self.fit.predict(&row), standard_error: self.fit.standard_error(&row) }
    }
}
