//! Direct preference optimisation (Rafailov et al., arXiv 2305.18290, eq. 7).

use std::ops::Range;

use dfdx::{
    shapes::Rank0,
    tensor::{Tape, Tensor},
};

use super::{
    fused::{Evaluation, fused},
    rows::{numeric, request},
};
use crate::{
    error::{Error, ErrorKind, Result},
    tape::{Kernels, LogProbs},
};

/// How preferences are learnt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DpoSettings {
    /// How strongly the policy is held to the reference, above 0.
    pub beta: f64,
    /// Share of pairs that are believed to be labelled the wrong way round, in 0..0.5 (Mitchell, 2023: conservative DPO).
    pub label_smoothing: f64,
}

impl Default for DpoSettings {
    fn default() -> Self {
        Self { beta: 0.1, label_smoothing: 0.0 }
    }
}

/// A pair of answers to one prompt. Their log-probabilities follow one another, chosen first, pair after pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// How many log-probabilities are the better answer's.
    pub chosen_tokens: usize,
    /// How many are the worse answer's.
    pub rejected_tokens: usize,
    /// Log-probability of the better answer's trained tokens, all together, under the reference.
    pub reference_chosen: f64,
    /// That of the worse answer.
    pub reference_rejected: f64,
}

/// What there is to say about a batch of pairs; means over the pairs of the micro-batch, under TRL's names.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DpoStatistics {
    /// This micro-batch's part of the mean over the whole batch.
    pub loss: f64,
    /// `rewards/chosen`: β (lp − ref).
    pub reward_chosen: f64,
    /// `rewards/rejected`.
    pub reward_rejected: f64,
    /// `rewards/accuracies`: share of pairs with the larger reward on the better answer.
    pub accuracy: f64,
    /// `logps/chosen`.
    pub log_prob_chosen: f64,
    /// `logps/rejected`.
    pub log_prob_rejected: f64,
}

impl DpoStatistics {
    /// `rewards/margins`.
    pub fn margin(&self) -> f64 {
        self.reward_chosen - self.reward_rejected
    }
}

/// −log σ(β Δ), with Δ the chosen answer's lp − ref less the rejected one's, divided by the `total_pairs` of the whole
/// batch; so the losses of its micro-batches add up to the mean.
///
/// # Errors
/// When a setting is out of range, lengths differ, or a log-probability is not finite.
pub fn dpo_loss<D: Kernels, T: Tape<f32, D>>(
    outputs: LogProbs<D, T>,
    mask: &[bool],
    pairs: &[Pair],
    total_pairs: usize,
    settings: &DpoSettings,
) -> Result<(Tensor<Rank0, f32, D, T>, DpoStatistics)> {
    fused(outputs, |log_probs, _| {
        check(settings, log_probs, mask, pairs, total_pairs)?;
        evaluate(log_probs, mask, pairs, total_pairs, settings)
    })
}

fn check(
    settings: &DpoSettings,
    log_probs: &[f32],
    mask: &[bool],
    pairs: &[Pair],
    total: usize,
) -> Result<()> {
    if !(settings.beta > 0.0 && settings.beta.is_finite() && (0.0..0.5).contains(&settings.label_smoothing)) {
        let message = "beta must be positive (0.1 is usual) and label_smoothing in 0..0.5";
        return Err(Error::new(ErrorKind::Config, message));
    }
    let tokens: usize = pairs.iter().map(|pair| pair.chosen_tokens + pair.rejected_tokens).sum();
    if mask.len() != log_probs.len() || tokens != log_probs.len() {
        return Err(request(format!(
            "there are {} log-probabilities, but the mask has {} and the pairs {tokens}",
            log_probs.len(),
            mask.len()
        )));
    }
    match pairs.len() > total {
        true => Err(request(format!("{} pairs are more than the {total} of the batch", pairs.len()))),
        false => Ok(()),
    }
}

fn evaluate(
    log_probs: &[f32],
    mask: &[bool],
    pairs: &[Pair],
    total: usize,
    settings: &DpoSettings,
) -> Result<(Evaluation, DpoStatistics)> {
    let mut evaluation = Evaluation::zero(log_probs.len());
    let mut statistics = DpoStatistics::default();
    let trained = |span: Range<usize>| span.filter(|token| mask[*token]);
    let log_prob =
        |span: Range<usize>| -> f64 { trained(span).map(|token| f64::from(log_probs[token])).sum() };
    let (beta, smoothing) = (settings.beta, settings.label_smoothing);
    let mut start = 0;
    for (index, pair) in pairs.iter().enumerate() {
        let middle = start + pair.chosen_tokens;
        let end = middle + pair.rejected_tokens;
        let [chosen, rejected] = [log_prob(start..middle), log_prob(middle..end)];
        let rewards = [beta * (chosen - pair.reference_chosen), beta * (rejected - pair.reference_rejected)];
        let margin = rewards[0] - rewards[1];
        if !margin.is_finite() {
            return Err(numeric(format!(
                "a log-probability of pair {index} is not finite; take an earlier checkpoint"
            )));
        }
        let loss = (1.0 - smoothing) * softplus(-margin) + smoothing * softplus(margin);
        evaluation.loss += loss / total as f64;
        let slope = beta * (sigmoid(margin) - 1.0 + smoothing) / total as f64;
        trained(start..middle).for_each(|token| evaluation.dlog_probs[token] = slope);
        trained(middle..end).for_each(|token| evaluation.dlog_probs[token] = -slope);
        let share = 1.0 / pairs.len() as f64;
        statistics.reward_chosen += share * rewards[0];
        statistics.reward_rejected += share * rewards[1];
        statistics.accuracy += if margin > 0.0 { share } else { 0.0 };
        statistics.log_prob_chosen += share * chosen;
        statistics.log_prob_rejected += share * rejected;
        start = end;
    }
    statistics.loss = evaluation.loss;
    Ok((evaluation, statistics))
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// log(1 + eˣ) = −log σ(−x), without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
