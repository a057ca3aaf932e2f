//! Tensors that files carry but models do not use.

use crate::{
    error::{Error, ErrorKind, Result},
    tensor::TensorMap,
};

const EMBEDDING: &str = "model.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";

/// Rotary frequencies follow from the configuration; older checkpoints stored them nevertheless.
pub(super) fn is_ignored(name: &str) -> bool {
    name.ends_with("rotary_emb.inv_freq")
}

/// Takes the output projection out where it repeats the embedding that it is tied to, and uses it as the embedding
/// where only the projection was stored.
///
/// # Errors
/// When both are there and differ: the configuration and the weights contradict each other.
pub(super) fn drop_tied_head(tensors: &mut TensorMap) -> Result<()> {
    let Some(head) = tensors.remove(HEAD) else { return Ok(()) };
    let embedding = tensors.entry(EMBEDDING.into()).or_insert_with(|| head.clone());
    if *embedding == head {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Weights,
        format!(
            "`{HEAD}` differs from `{EMBEDDING}`, but config.json ties them; set `tie_word_embeddings` to false to use both"
        ),
    ))
}
