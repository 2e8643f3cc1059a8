//! Mixes with names: what a matrix gets depends on its place only.
//!
//! The places come from [`Sensitivity`](crate::sensitivity::Sensitivity) measured on OpenAI's base (docs/QUANTIZE.md has
//! the figures), per weight: the decoder's queries and keys bear anything; values, the products after attention and the
//! feed-forward parts bear less, least at the encoder's entrance and at the decoder's end; the token embedding is the
//! most sensitive of all, being the first and the last product of every token, but also a third of base's weights.

use crate::error::Error;
use crate::plan::Plan;
use GgmlType::*;
use noctule_kernels::GgmlType;
use noctule_model::{Hparams, Model};

/// A mix with a name. A name that ends in `_m` has the type before it in most matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipe {
    /// Its name, as it is typed.
    pub name: &'static str,
    /// The decoder's queries and keys, of self-attention and cross-attention.
    pub low: GgmlType,
    /// All that is in no other place.
    pub most: GgmlType,
    /// The encoder's values and products after attention, all of its first layer but queries and keys, and as much of
    /// the decoder's last layer.
    pub high: GgmlType,
    /// The token embedding.
    pub embedding: GgmlType,
}

/// All mixes with names, from many bits to few.
pub const RECIPES: [Recipe; 6] = [
    Recipe { name: "q5_k_m", low: Q4_K, most: Q5_K, high: Q6_K, embedding: Q6_K },
    Recipe { name: "q4_k_m", low: Q3_K, most: Q4_K, high: Q6_K, embedding: Q5_K },
    Recipe { name: "iq4_m", low: IQ3_S, most: IQ4_XS, high: Q5_K, embedding: Q4_K },
    Recipe { name: "q3_k_m", low: Q2_K, most: Q3_K, high: Q5_K, embedding: Q4_K },
    Recipe { name: "iq3_m", low: IQ2_S, most: IQ3_S, high: IQ4_XS, embedding: IQ4_XS },
    Recipe { name: "iq2_m", low: IQ2_XS, most: IQ2_S, high: IQ3_S, embedding: IQ3_S },
];

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
        Plan::mixed(model, self.name, |tensor| self.ty(model.hparams(), &tensor.name))
    }

    fn ty(&self, hparams: &Hparams, tensor: &str) -> GgmlType {
        let Some((side, layer, part)) = place(tensor) else { return self.embedding };
        let looks = part.ends_with("query") || part.ends_with("key");
        match side {
            "decoder" if looks => self.low,
            "decoder" if layer + 1 == hparams.n_text_layer => self.high,
            "encoder" if !looks && (layer == 0 || part.starts_with("attn")) => self.high,
            _ => self.most,
        }
    }
}

/// `decoder.blocks.3.cross_attn.key.weight` → `("decoder", 3, "cross_attn.key")`.
fn place(tensor: &str) -> Option<(&str, usize, &str)> {
    let (side, rest) = tensor.split_once(".blocks.")?;
    let (layer, part) = rest.split_once('.')?;
    Some((side, layer.parse().ok()?, part.strip_suffix(".weight")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_base_get_what_they_need() {
        let hparams = Hparams { n_audio_layer: 6, n_text_layer: 6, ..noctule_model::synthetic::Kind::En.hparams() };
        let recipe = named("Q4_K_M").unwrap();
        for (tensor, ty) in [
            ("decoder.token_embedding", Q5_K),
            ("decoder.blocks.5.cross_attn.key", Q3_K),
            ("decoder.blocks.5.mlp.2", Q6_K),
            ("decoder.blocks.4.mlp.2", Q4_K),
            ("decoder.blocks.0.attn.value", Q4_K),
            ("encoder.blocks.0.mlp.0", Q6_K),
            ("encoder.blocks.0.attn.query", Q4_K),
            ("encoder.blocks.3.attn.out", Q6_K),
            ("encoder.blocks.3.mlp.0", Q4_K),
        ] {
            assert_eq!(recipe.ty(&hparams, &format!("{tensor}.weight")), ty, "{tensor}");
        }
    }
}
