//! Learning from preferences: of two rollouts of a task, the better one.

use super::{
    super::Trainer,
    micro::{Micro, Unit, micro_batches, trained},
};
use crate::{
    error::Result,
    loss::{DpoSettings, DpoStatistics, Pair, dpo_loss},
    optimizer::{StepReport, UpdateKernels},
    trajectory::Trajectory,
};

/// Two rollouts of one task, by their rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Preference {
    /// Of the better one.
    pub chosen: Vec<Trajectory>,
    /// Of the worse one.
    pub rejected: Vec<Trajectory>,
}

/// What came of a step on preferences.
#[derive(Clone, Debug, PartialEq)]
pub struct PreferenceReport {
    /// Means over all pairs.
    pub statistics: DpoStatistics,
    /// Pairs that were learnt from.
    pub pairs: usize,
    /// Of the optimiser; none without a pair.
    pub step: Option<StepReport>,
}

impl<D: UpdateKernels> Trainer<D> {
    /// One step that makes the chosen rollouts likelier than the rejected ones, compared with the reference.
    ///
    /// # Errors
    /// When a setting is out of range, a number is not finite, or the device has no memory left.
    pub fn learn_preferences(
        &mut self,
        preferences: &[Preference],
        settings: &DpoSettings,
        token_budget: usize,
        learning_rate: f64,
    ) -> Result<PreferenceReport> {
        let rows = |one: &[Trajectory]| one.iter().map(|row| trained(row).count()).sum::<usize>();
        let usable: Vec<&Preference> =
            preferences.iter().filter(|one| rows(&one.chosen) > 0 && rows(&one.rejected) > 0).collect();
        let units: Vec<Unit<'_>> =
            usable.iter().map(|one| one.chosen.iter().chain(&one.rejected).collect()).collect();
        let total = usable.len();
        let mut report = PreferenceReport { statistics: DpoStatistics::default(), pairs: total, step: None };
        for micro in micro_batches(&units, self.cut(token_budget))? {
            let Micro { units, batch, targets } = micro;
            let [reference, _] = self.evaluate_reference(&batch, &targets)?;
            let mut rest = &reference[..];
            let mut sum = |tokens: usize| {
                let (own, after) = rest.split_at(tokens);
                rest = after;
                own.iter().copied().map(f64::from).sum()
            };
            let mut pair = |preference: &Preference| {
                let (chosen_tokens, rejected_tokens) = (rows(&preference.chosen), rows(&preference.rejected));
                let (reference_chosen, reference_rejected) = (sum(chosen_tokens), sum(rejected_tokens));
                Pair { chosen_tokens, rejected_tokens, reference_chosen, reference_rejected }
            };
            let pairs: Vec<Pair> = units.iter().map(|unit| pair(usable[*unit])).collect();
            let mask = vec![true; targets.ids().len()];
            let loss = |outputs| dpo_loss(outputs, &mask, &pairs, total, settings);
            let part = self.accumulate(&batch, &targets, loss)?;
            add(&mut report.statistics, &part, pairs.len() as f64 / total as f64);
        }
        if total > 0 {
            report.step = Some(self.step(learning_rate)?);
        }
        Ok(report)
    }
}

/// Adds a micro-batch that holds `share` of all pairs. Losses add up as they are.
fn add(sum: &mut DpoStatistics, part: &DpoStatistics, share: f64) {
    sum.loss += part.loss;
    sum.reward_chosen += share * part.reward_chosen;
    sum.reward_rejected += share * part.reward_rejected;
    sum.accuracy += share * part.accuracy;
    sum.log_prob_chosen += share * part.log_prob_chosen;
    sum.log_prob_rejected += share * part.log_prob_rejected;
}
