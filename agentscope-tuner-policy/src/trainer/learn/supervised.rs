//! Learning from examples: the likelihood of their trained tokens.

use super::{
    super::Trainer,
    micro::{Micro, Unit, micro_batches, trained},
};
use crate::{
    error::Result,
    loss::sft_loss,
    optimizer::{StepReport, UpdateKernels},
    trajectory::Trajectory,
};

/// What came of a supervised step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SupervisedReport {
    /// Mean of −log π over the trained tokens, before the step, in nats.
    pub loss: f64,
    /// Mean entropy of the predictions in nats.
    pub entropy: f64,
    /// Tokens that were trained.
    pub trained_tokens: usize,
    /// Of the optimiser; none where no token is trained.
    pub step: Option<StepReport>,
}

impl<D: UpdateKernels> Trainer<D> {
    /// One step towards the trained tokens of `rows`, in micro-batches of at most `token_budget` tokens.
    ///
    /// # Errors
    /// When a number is not finite, or the device has no memory left.
    pub fn learn_supervised(
        &mut self,
        rows: &[Trajectory],
        token_budget: usize,
        learning_rate: f64,
    ) -> Result<SupervisedReport> {
        let units: Vec<Unit<'_>> =
            rows.iter().filter(|row| trained(row).next().is_some()).map(|row| vec![row]).collect();
        let total = units.iter().flatten().map(|row| trained(row).count()).sum();
        let mut report = SupervisedReport { loss: 0.0, entropy: 0.0, trained_tokens: total, step: None };
        for Micro { batch, targets, .. } in micro_batches(&units, self.cut(token_budget))? {
            let mask = vec![true; targets.ids().len()];
            let part = self.accumulate(&batch, &targets, |outputs| sft_loss(outputs, &mask, total))?;
            report.loss += part.loss;
            report.entropy += part.entropy * part.trained_tokens as f64 / total as f64;
        }
        if total > 0 {
            report.step = Some(self.step(learning_rate)?);
        }
        Ok(report)
    }
}
