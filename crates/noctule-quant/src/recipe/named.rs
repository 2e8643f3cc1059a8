//! Mixes with names.

use crate::error::Error;
use crate::plan::Plan;
use GgmlType::*;
use noctule_kernels::GgmlType;
use noctule_model::{Model, TensorInfo};

/// A mix whose types depend on a matrix's place only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipe {
    /// Its name, as it is typed.
    pub name: &'static str,
    /// What most matrices get.
    pub most: GgmlType,
    /// What the sensitive ones get.
    pub more: GgmlType,
    /// What the token embedding gets, which is also the last product.
    pub embedding: GgmlType,
}

/// All mixes with names, from many bits to few.
pub const RECIPES: [Recipe; 1] = [Recipe { name: "q4_k_m", most: Q4_K, more: Q6_K, embedding: Q6_K }];

/// The mix of this name, in any case.
pub fn named(name: &str) -> Option<Recipe> {
    RECIPES.into_iter().find(|recipe| recipe.name.eq_ignore_ascii_case(name))
}

impl Recipe {
    /// Plans `model`.
    ///
    /// # Errors
    /// As [`Plan::mixed`].
    pub fn plan(&self, model: &Model) -> Result<Plan, Error> {
        Plan::mixed(model, self.name, |tensor| self.ty(tensor))
    }

    fn ty(&self, tensor: &TensorInfo) -> GgmlType {
        if tensor.name.contains("token_embedding") { self.embedding } else { self.most }
    }
}
