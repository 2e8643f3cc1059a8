//! Importance: how much an error in a column of weights counts, learned from speech.
//!
//! Clips run through the float model ([`Calibration`]); for every matrix the squares of what it is multiplied
//! with are summed column by column. The expected square of the error that wrong weights make in a product
//! is Σ (error of column)² · mean(x²) for inputs whose columns do not move together, so the mean squares are
//! the weights that the encoders give to errors. Source of the idea: the importance matrix of llama.cpp
//! (tools/imatrix), which shares the names of the sums.

mod calibrate;
mod file;

pub use calibrate::{Calibration, Mode};

use crate::error::Error;
use noctule_model::Model;
use std::collections::{BTreeMap, BTreeSet};

/// What one matrix was multiplied with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inputs {
    /// Rows of activations seen.
    pub rows: u64,
    /// Σ x of each column.
    pub sums: Vec<f64>,
    /// Σ x² of each column.
    pub squares: Vec<f64>,
}

/// Sums over all clips heard so far, by tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    model: String,
    clips: BTreeSet<String>,
    tensors: BTreeMap<String, Inputs>,
}

/// What the inputs of one matrix are like.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// The tensor.
    pub tensor: String,
    /// Columns.
    pub columns: usize,
    /// Rows of activations seen.
    pub rows: u64,
    /// Mean of x² over all columns.
    pub mean_square: f64,
    /// Share of Σ x² that the hundredth of the columns with most of it has.
    pub top_share: f64,
    /// 2 to the entropy of the columns' shares: how many equal columns would be as spread.
    pub effective_columns: f64,
    /// Columns that nothing ever entered.
    pub silent: usize,
}

impl Importance {
    /// Of a model that has heard nothing yet.
    pub fn new(model: &Model) -> Importance {
        Importance { model: crate::plan::size_of(model), clips: BTreeSet::new(), tensors: BTreeMap::new() }
    }

    /// The size and the languages of the model that listened.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The names of the clips heard.
    pub fn clips(&self) -> &BTreeSet<String> {
        &self.clips
    }

    /// The sums, by tensor.
    pub fn tensors(&self) -> &BTreeMap<String, Inputs> {
        &self.tensors
    }

    /// Adds what `other` has heard.
    ///
    /// # Errors
    /// [`Error::Importance`] if it is of another model, or has heard a clip that this one has heard too.
    pub fn merge(&mut self, other: &Importance) -> Result<(), Error> {
        let refuse = |problem: String| Err(Error::Importance { problem });
        if self.model != other.model {
            return refuse(format!("one is of {}, the other of {}", self.model, other.model));
        }
        if let Some(clip) = self.clips.intersection(&other.clips).next() {
            return refuse(format!("both have heard '{clip}', which would count twice"));
        }
        for (name, inputs) in &other.tensors {
            if self.tensors.get(name).is_some_and(|own| own.sums.len() != inputs.sums.len()) {
                return refuse(format!("the columns of {name} differ"));
            }
        }
        for (name, inputs) in &other.tensors {
            self.tensors.entry(name.clone()).or_default().add(inputs);
        }
        self.clips.extend(other.clips.iter().cloned());
        Ok(())
    }

    /// Checks that this was heard by a model of the same shape.
    ///
    /// # Errors
    /// [`Error::Importance`] if the size differs, a tensor is missing or has other columns.
    pub fn check(&self, model: &Model) -> Result<(), Error> {
        let name = crate::plan::size_of(model);
        let refuse = |problem: String| Err(Error::Importance { problem });
        if name != self.model {
            return refuse(format!("it is of {}, the model is {name}", self.model));
        }
        for tensor in crate::plan::matrices(model) {
            let columns = tensor.rows_cols().1;
            match self.tensors.get(&tensor.name) {
                Some(inputs) if inputs.squares.len() == columns && inputs.rows > 0 => {}
                _ => return refuse(format!("it has nothing on {}", tensor.name)),
            }
        }
        Ok(())
    }

    /// The mean of x² in each column of a tensor's input. Columns that nothing entered get a little, so that an
    /// error there is not free: the speech of calibration is not all speech.
    pub fn columns(&self, tensor: &str) -> Option<Vec<f32>> {
        let inputs = self.tensors.get(tensor).filter(|inputs| inputs.rows > 0)?;
        let mean = inputs.squares.iter().sum::<f64>() / inputs.squares.len() as f64;
        // Whole tensors of silence count evenly.
        let least = if mean > 0.0 { mean * LEAST } else { 1.0 };
        Some(inputs.squares.iter().map(|square| (square.max(least) / inputs.rows as f64) as f32).collect())
    }

    /// What the inputs of each matrix are like.
    pub fn statistics(&self) -> Vec<Statistics> {
        self.tensors.iter().map(|(name, inputs)| inputs.statistics(name)).collect()
    }
}

/// The least importance of a column, in means of its tensor.
const LEAST: f64 = 1e-4;

impl Inputs {
    fn add(&mut self, other: &Inputs) {
        self.sums.resize(other.sums.len(), 0.0);
        self.squares.resize(other.squares.len(), 0.0);
        self.rows += other.rows;
        self.sums.iter_mut().zip(&other.sums).for_each(|(sum, other)| *sum += other);
        self.squares.iter_mut().zip(&other.squares).for_each(|(sum, other)| *sum += other);
    }

    fn statistics(&self, name: &str) -> Statistics {
        let total: f64 = self.squares.iter().sum();
        let share = |square: &f64| if total > 0.0 { square / total } else { 0.0 };
        let mut shares: Vec<f64> = self.squares.iter().map(share).collect();
        shares.sort_by(|a, b| b.total_cmp(a));
        let entropy: f64 = shares.iter().filter(|share| **share > 0.0).map(|share| -share * share.log2()).sum();
        Statistics {
            tensor: name.to_owned(),
            columns: shares.len(),
            rows: self.rows,
            mean_square: total / (self.rows.max(1) as f64 * shares.len().max(1) as f64),
            top_share: shares[..shares.len().div_ceil(100)].iter().sum(),
            effective_columns: entropy.exp2(),
            silent: self.squares.iter().filter(|square| **square == 0.0).count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(clip: &str, squares: &[f64]) -> Importance {
        let inputs = Inputs { rows: 2, sums: vec![1.0; squares.len()], squares: squares.to_vec() };
        Importance {
            model: "tiny".into(),
            clips: BTreeSet::from([clip.to_owned()]),
            tensors: BTreeMap::from([("w".to_owned(), inputs)]),
        }
    }

    #[test]
    fn merging_adds_and_refuses_what_would_count_twice() {
        let mut a = heard("a", &[4.0, 0.0]);
        a.merge(&heard("b", &[2.0, 0.0])).unwrap();
        assert_eq!(a.tensors["w"], Inputs { rows: 4, sums: vec![2.0, 2.0], squares: vec![6.0, 0.0] });
        assert_eq!(a.clips.len(), 2);
        let before = a.clone();
        assert!(a.merge(&heard("b", &[1.0, 1.0])).unwrap_err().to_string().contains("'b'"));
        assert!(a.merge(&heard("c", &[1.0])).unwrap_err().to_string().contains("columns"));
        assert!(a.merge(&Importance { model: "base".into(), ..heard("d", &[1.0, 1.0]) }).is_err());
        assert_eq!(a, before);
    }

    #[test]
    fn silent_columns_keep_a_little_importance() {
        let columns = heard("a", &[4.0, 0.0]).columns("w").unwrap();
        assert_eq!(columns[0], 2.0);
        assert!(columns[1] > 0.0 && columns[1] < 1e-3);
        assert_eq!(heard("a", &[0.0, 0.0]).columns("w").unwrap(), [0.5, 0.5]);
        assert!(heard("a", &[1.0]).columns("v").is_none());
    }

    #[test]
    fn statistics_tell_even_from_uneven() {
        let even = heard("a", &[1.0; 4]).statistics().remove(0);
        assert_eq!((even.effective_columns, even.top_share, even.mean_square), (4.0, 0.25, 0.5));
        let one = heard("a", &[4.0, 0.0, 0.0, 0.0]).statistics().remove(0);
        assert_eq!((one.effective_columns, one.top_share, one.silent), (1.0, 1.0, 3));
    }
}
