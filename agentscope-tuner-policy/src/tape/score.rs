//! How likely a model finds what somebody else sampled.

use dfdx::tensor::NoneTape;

use super::{Batch, ForwardSettings, Kernels, Targets, forward, log_probs};
use crate::{config::PolicyConfig, error::Result, params::Params};

/// Logits up to so many bytes are computed at once.
const LOGITS_BYTES: usize = 1 << 28;

/// Log-probability of each of `sampled`, in nats, where they follow `prompt` and each other, under softmax(logits /
/// `temperature`). Nothing where the prompt is empty.
///
/// # Errors
/// When a token does not exist, `temperature` is not a positive number, or the device has no memory left.
pub fn score<D: Kernels>(
    config: &PolicyConfig,
    params: &Params<D>,
    prompt: &[u32],
    sampled: &[u32],
    temperature: f32,
) -> Result<Vec<f32>> {
    let Some(last) = prompt.len().checked_sub(1) else { return Ok(Vec::new()) };
    let batch = Batch::new([[prompt, sampled].concat()]);
    let rows = (last..last + sampled.len()).map(|row| row as u32).collect();
    let targets = Targets::new(rows, sampled.to_vec())?;
    let hidden = forward(config, params, None, &batch, NoneTape, ForwardSettings::default())?;
    let projection = params.output_projection();
    Ok(log_probs(hidden, projection, &targets, temperature, LOGITS_BYTES)?.log_probs.as_vec())
}
