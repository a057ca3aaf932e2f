//! Supervised fine-tuning: the mean of −log π over the tokens to learn.

use dfdx::{
    shapes::Rank0,
    tensor::{Tape, Tensor},
};

use super::{
    fused::{Evaluation, fused},
    rows::{numeric, request},
};
use crate::{
    error::Result,
    tape::{Kernels, LogProbs},
};

/// What there is to say about a batch of supervised rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SftStatistics {
    /// This micro-batch's part of the mean over the whole batch.
    pub loss: f64,
    /// Tokens that it trains.
    pub trained_tokens: usize,
    /// Mean entropy of these in nats.
    pub entropy: f64,
}

/// The negative log-likelihood of the tokens of `mask`, divided by the `total_tokens` of the whole batch; so the losses of
/// its micro-batches add up to the mean.
///
/// # Errors
/// When lengths differ, no token is trained in the whole batch, or a log-probability is not finite.
pub fn sft_loss<D: Kernels, T: Tape<f32, D>>(
    outputs: LogProbs<D, T>,
    mask: &[bool],
    total_tokens: usize,
) -> Result<(Tensor<Rank0, f32, D, T>, SftStatistics)> {
    fused(outputs, |log_probs, entropies| evaluate(log_probs, entropies, mask, total_tokens))
}

fn evaluate(
    log_probs: &[f32],
    entropies: &[f32],
    mask: &[bool],
    total: usize,
) -> Result<(Evaluation, SftStatistics)> {
    let trained = mask.iter().filter(|trained| **trained).count();
    if mask.len() != log_probs.len() {
        let message =
            format!("there are {} log-probabilities, but the mask has {}", log_probs.len(), mask.len());
        return Err(request(message));
    }
    if total == 0 || trained > total {
        return Err(request(format!(
            "the batch trains {total} tokens and this part of it {trained}; mark the tokens to learn, and count them all"
        )));
    }
    let mut evaluation = Evaluation::zero(log_probs.len());
    let mut entropy = 0.0;
    for token in (0..mask.len()).filter(|token| mask[*token]) {
        let log_prob = f64::from(log_probs[token]);
        if !log_prob.is_finite() {
            return Err(numeric(format!(
                "the log-probability of token {token} is {log_prob}; lower the learning rate or take an earlier checkpoint"
            )));
        }
        evaluation.loss -= log_prob / total as f64;
        evaluation.dlog_probs[token] = -1.0 / total as f64;
        entropy += f64::from(entropies[token]) / trained as f64;
    }
    let statistics = SftStatistics { loss: evaluation.loss, trained_tokens: trained, entropy };
    Ok((evaluation, statistics))
}
