//! The whole model over a packed batch.

use std::sync::Arc;

use dfdx::tensor::Tape;

use super::{
    Batch, Kernels, Lora, Step, attention::Packing, batch::request, block::Block, embedding::embed,
    norm::rms_norm, recompute,
};
use crate::{config::PolicyConfig, error::Result, kernels::train::Heads, params::Params, var::Var};

/// How a forward pass trades time for memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForwardSettings {
    /// Keep only the input of each block for the backward pass and run the block again there: a third more time, and of
    /// each block's activations only `rows x hidden_size` numbers in memory. The gradients are the same to the bit.
    ///
    /// Start from a fresh tape or from gradients that such a tape gave: dfdx drops the gradients of inner values early
    /// when it was told which ones are leaves (`ZeroGrads::alloc_grads`), and these blocks run a tape within the tape.
    pub recompute: bool,
}

/// The hidden state of each row after the last norm, `rows x hidden_size`, with `tape` on it: what
/// [`log_probs`](super::log_probs) and [`logits`](super::logits) start from.
///
/// # Errors
/// When a token is beyond the vocabulary, a sequence beyond the context, or the device has no memory left.
pub fn forward<D: Kernels, T: Tape<f32, D>>(
    config: &PolicyConfig,
    params: &Params<D>,
    lora: Option<&Lora<D>>,
    batch: &Batch,
    tape: T,
    settings: ForwardSettings,
) -> Result<Var<D, T>> {
    batch.check(config)?;
    if let Some(lora) = lora.filter(|lora| lora.layers.len() != params.layers.len()) {
        let (adapted, blocks) = (lora.layers.len(), params.layers.len());
        return Err(request(format!(
            "the adapter has {adapted} layers and the model {blocks}; load one made for it"
        )));
    }
    run(config, params, lora, batch, tape, settings).map_err(Into::into)
}

fn run<D: Kernels, T: Tape<f32, D>>(
    config: &PolicyConfig,
    params: &Params<D>,
    lora: Option<&Lora<D>>,
    batch: &Batch,
    tape: T,
    settings: ForwardSettings,
) -> Step<D, T> {
    let (device, rows) = (params.embedding.var.device(), batch.ids().len());
    let heads = Heads {
        rows,
        query_heads: config.num_heads,
        kv_heads: config.num_kv_heads,
        head_dim: config.head_dim,
    };
    let layout = device.layout(
        batch.offsets(),
        batch.branches(),
        config.sliding_window,
        &config.rope_frequencies(),
    )?;
    let packing = Arc::new(Packing { heads, eps: config.rms_norm_eps, layout });
    let mut x = embed(&params.embedding, &device.ids(batch.ids())?, rows, tape)?;
    for (index, layer) in params.layers.iter().enumerate() {
        let adapters = lora.and_then(|lora| lora.layers.get(index)).cloned().unwrap_or_default();
        let block = Block { params: layer.clone(), adapters, packing: Arc::clone(&packing) };
        x = if settings.recompute { recompute::forward(&block, x)? } else { block.forward(x)? };
    }
    rms_norm(x, &params.norm, config.rms_norm_eps)
}
