//! Names of Hugging Face's `WhisperForConditionalGeneration` to OpenAI's, and back.

/// Where a tensor goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// This name of [`crate::names::expected`], or one that the check will refuse by its own name.
    Tensor(String),
    /// The output layer, which has to equal the token embedding.
    Output,
    /// Not in a file, for this reason.
    Nowhere(&'static str),
}

/// Parts of names: Hugging Face's, OpenAI's.
const PARTS: [(&str, &str); 11] = [
    ("self_attn.q_proj", "attn.query"),
    ("self_attn.k_proj", "attn.key"),
    ("self_attn.v_proj", "attn.value"),
    ("self_attn.out_proj", "attn.out"),
    ("encoder_attn.q_proj", "cross_attn.query"),
    ("encoder_attn.k_proj", "cross_attn.key"),
    ("encoder_attn.v_proj", "cross_attn.value"),
    ("encoder_attn.out_proj", "cross_attn.out"),
    ("self_attn_layer_norm", "attn_ln"),
    ("encoder_attn_layer_norm", "cross_attn_ln"),
    ("final_layer_norm", "mlp_ln"),
];

/// The same for whole names.
const WHOLE: [(&str, &str); 7] = [
    ("encoder.embed_positions.weight", "encoder.positional_embedding"),
    ("decoder.embed_positions.weight", "decoder.positional_embedding"),
    ("decoder.embed_tokens.weight", "decoder.token_embedding.weight"),
    ("encoder.layer_norm.weight", "encoder.ln_post.weight"),
    ("encoder.layer_norm.bias", "encoder.ln_post.bias"),
    ("decoder.layer_norm.weight", "decoder.ln.weight"),
    ("decoder.layer_norm.bias", "decoder.ln.bias"),
];

/// The place of a tensor of Hugging Face, or of one that has OpenAI's name already.
pub(super) fn from_hugging_face(name: &str) -> Place {
    if name == "proj_out.weight" || name == "lm_head.weight" {
        return Place::Output;
    }
    if name == "decoder.mask" || name == "alignment_heads" {
        return Place::Nowhere("no weight: it is computed");
    }
    let bare = name.strip_prefix("model.").unwrap_or(name);
    if let Some((_, ours)) = WHOLE.iter().find(|(theirs, _)| *theirs == bare) {
        return Place::Tensor((*ours).to_string());
    }
    Place::Tensor(layer(bare).unwrap_or_else(|| bare.to_string()))
}

/// `encoder.layers.0.fc1.bias` to `encoder.blocks.0.mlp.0.bias`.
fn layer(name: &str) -> Option<String> {
    let (side, rest) = name.split_once(".layers.")?;
    let (number, rest) = rest.split_once('.')?;
    let (part, kind) = rest.rsplit_once('.')?;
    let ours = match part {
        "fc1" => "mlp.0",
        "fc2" => "mlp.2",
        _ => PARTS.iter().find(|(theirs, _)| *theirs == part)?.1,
    };
    Some(format!("{side}.blocks.{number}.{ours}.{kind}"))
}

/// Hugging Face's name of one of our tensors.
pub(super) fn to_hugging_face(name: &str) -> String {
    if let Some((theirs, _)) = WHOLE.iter().find(|(_, ours)| *ours == name) {
        return format!("model.{theirs}");
    }
    let block = || {
        let (side, rest) = name.split_once(".blocks.")?;
        let (number, rest) = rest.split_once('.')?;
        let (part, kind) = rest.rsplit_once('.')?;
        let theirs = match part {
            "mlp.0" => "fc1",
            "mlp.2" => "fc2",
            _ => PARTS.iter().find(|(_, ours)| *ours == part)?.0,
        };
        Some(format!("model.{side}.layers.{number}.{theirs}.{kind}"))
    };
    block().unwrap_or_else(|| format!("model.{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names;
    use crate::synthetic::Kind;

    #[test]
    fn names_go_there_and_back() {
        for tensor in names::expected(&Kind::En.hparams()) {
            let theirs = to_hugging_face(&tensor.name);
            assert!(!theirs.contains("blocks") && theirs.starts_with("model."), "{theirs}");
            assert_eq!(from_hugging_face(&theirs), Place::Tensor(tensor.name.clone()));
            assert_eq!(from_hugging_face(&tensor.name), Place::Tensor(tensor.name));
        }
        assert_eq!(
            from_hugging_face("model.decoder.layers.1.encoder_attn.k_proj.weight"),
            Place::Tensor("decoder.blocks.1.cross_attn.key.weight".into())
        );
    }
}
