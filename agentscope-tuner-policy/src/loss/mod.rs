//! Losses over the log-probabilities of tokens: policy gradients, supervised, and preference.
//!
//! ```text
//! rewards ─ advantages ─▶ Rows ─┐
//!            LogProbs (tape) ───┴─ policy_loss ─▶ a scalar with the tape ─ backward() ─▶ Gradients
//! ```
//!
//! Tokens are few compared with weights, so the host computes each loss and its gradient in f64 from closed forms, as
//! one operation of dfdx's tape on any device.

mod advantage;
mod algorithm;
mod correction;
mod dpo;
mod entropy;
mod fused;
mod overlong;
mod policy;
mod rows;
mod settings;
mod sft;
mod statistics;
mod surrogate;
#[cfg(test)]
mod tests;

pub use advantage::{AdvantageSettings, Advantages, Baseline, Deviation, Scale, advantages, weighted_reward};
pub use algorithm::Algorithm;
pub use correction::Importance;
pub use dpo::{DpoSettings, DpoStatistics, Pair, dpo_loss};
pub use entropy::high_entropy_mask;
pub use overlong::Overlong;
pub use rows::{Row, Rows, Totals};
pub use settings::PolicySettings;
pub use sft::{SftStatistics, sft_loss};
pub use statistics::Statistics;

use dfdx::{
    shapes::Rank0,
    tensor::{Tape, Tensor},
};

use crate::{
    error::Result,
    tape::{Kernels, LogProbs},
};

/// The policy-gradient loss of a micro-batch, with the tape of its log-probabilities, and what there is to say about it.
///
/// The losses of the micro-batches of a step add up to the loss of the step (for bnpo, and with
/// `top_entropy_quantile` below 1, where each micro-batch is a population of its own, to their mean).
///
/// # Errors
/// When a setting is out of range, the lengths of `rows` and `outputs` differ, log-probabilities that a setting needs are
/// missing, or a number is not finite.
pub fn policy_loss<D: Kernels, T: Tape<f32, D>>(
    outputs: LogProbs<D, T>,
    rows: &Rows,
    totals: &Totals,
    settings: &PolicySettings,
) -> Result<(Tensor<Rank0, f32, D, T>, Statistics)> {
    fused::fused(outputs, |log_probs, entropies| {
        policy::evaluate(settings, rows, totals, log_probs, entropies)
    })
}
