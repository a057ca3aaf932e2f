//! Learning from rewards.

use std::collections::HashMap;

use super::{
    super::Trainer,
    micro::{Cut, Micro, Unit, micro_batches, trained},
};
use crate::{
    error::{Error, ErrorKind, Result},
    loss::{Algorithm, PolicySettings, Row, Rows, Statistics, Totals, policy_loss},
    optimizer::{StepReport, UpdateKernels},
    trajectory::Trajectory,
};

/// One row, and what its rollout was worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The tokens; those of its mask are trained.
    pub row: Trajectory,
    /// Which rollout of the batch it is a part of.
    pub rollout: usize,
    /// How much better that was than its peers.
    pub advantage: f64,
}

/// How a batch is learnt from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolicyUpdate {
    /// The loss.
    pub policy: PolicySettings,
    /// Rollouts of the whole batch, those without a trained token too.
    pub rollouts: usize,
    /// Optimiser steps among which the rollouts are divided, at least 1.
    pub updates: usize,
    /// Most tokens of a micro-batch. It bounds the memory, and makes no difference to the result beyond rounding.
    pub token_budget: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyReport {
    /// Of the loss, over all steps.
    pub statistics: Statistics,
    /// Of each step of the optimiser.
    pub steps: Vec<StepReport>,
    /// Forward and backward passes.
    pub micro_batches: usize,
}

/// A micro-batch, and what was known of its tokens before the update.
struct Lesson<'a> {
    examples: Vec<&'a Example>,
    micro: Micro,
    old: Option<Vec<f32>>,
    reference: Option<Vec<f32>>,
}

impl<D: UpdateKernels> Trainer<D> {
    /// Learns from `examples`, those that have a trained token, at `learning_rate`. Without any nothing changes.
    ///
    /// # Errors
    /// When a setting is out of range, a number is not finite, or the device has no memory left. Steps before the fault
    /// have been taken.
    pub fn learn(
        &mut self,
        examples: &[Example],
        update: &PolicyUpdate,
        learning_rate: f64,
    ) -> Result<PolicyReport> {
        let PolicyUpdate { policy, rollouts, updates, token_budget } = update;
        if *updates == 0 {
            return Err(Error::new(ErrorKind::Config, "updates must be 1 or more"));
        }
        let of_part = |part: usize| -> Vec<&Example> {
            examples.iter().filter(|one| one.rollout % updates == part && one.row.trained() > 0).collect()
        };
        let mut rollout_tokens: HashMap<usize, usize> = HashMap::new();
        for example in examples {
            *rollout_tokens.entry(example.rollout).or_default() += trained(&example.row).count();
        }
        let tokens = rollout_tokens.values().sum();
        let parts = (0..*updates)
            .map(|part| self.lessons(of_part(part), update, self.cut(*token_budget)))
            .collect::<Result<Vec<_>>>()?;
        let mut report = PolicyReport::default();
        for lessons in parts.into_iter().filter(|lessons| !lessons.is_empty()) {
            let totals =
                Totals { tokens, rollouts: *rollouts, updates: *updates, micro_batches: lessons.len() };
            report.micro_batches += lessons.len();
            for lesson in lessons {
                let rows = lesson.rows(&rollout_tokens);
                let Micro { batch, targets, .. } = &lesson.micro;
                let loss = |outputs| policy_loss(outputs, &rows, &totals, policy);
                report.statistics.merge(self.accumulate(batch, targets, loss)?);
            }
            report.steps.push(self.step(learning_rate)?);
        }
        Ok(report)
    }

    /// Packs `examples` and looks up what must be known before the first step.
    fn lessons<'a>(
        &self,
        examples: Vec<&'a Example>,
        update: &PolicyUpdate,
        cut: Cut,
    ) -> Result<Vec<Lesson<'a>>> {
        let groups = together(examples, update.policy.algorithm);
        let units: Vec<Unit<'a>> =
            groups.iter().map(|group| group.iter().map(|example| &example.row).collect()).collect();
        let lesson = |micro: Micro| {
            let Micro { batch, targets, .. } = &micro;
            // In the first step they are those of the moment.
            let old = (update.updates > 1).then(|| self.evaluate(batch, targets)).transpose()?;
            let reference =
                (update.policy.beta != 0.0).then(|| self.evaluate_reference(batch, targets)).transpose()?;
            let [old, reference] = [old, reference].map(|values| values.map(|[log_probs, _]| log_probs));
            let examples = micro.units.iter().flat_map(|unit| groups[*unit].iter().copied()).collect();
            Ok(Lesson { examples, micro, old, reference })
        };
        micro_batches(&units, cut)?.into_iter().map(lesson).collect()
    }
}

/// Examples that must stand in one micro-batch: the rows of a rollout where its ratio is one, else each alone.
fn together(examples: Vec<&Example>, algorithm: Algorithm) -> Vec<Vec<&Example>> {
    let mut groups: Vec<Vec<&Example>> = Vec::new();
    let mut known: HashMap<usize, usize> = HashMap::new();
    for example in examples {
        match known.get(&example.rollout) {
            Some(group) if algorithm.is_over_sequences() => groups[*group].push(example),
            _ => {
                known.insert(example.rollout, groups.len());
                groups.push(vec![example]);
            }
        }
    }
    groups
}

impl Lesson<'_> {
    /// What the loss reads, given the trained tokens of each rollout.
    fn rows(&self, rollout_tokens: &HashMap<usize, usize>) -> Rows {
        let row = |example: &&Example| Row {
            rollout: example.rollout,
            tokens: trained(&example.row).count(),
            advantage: example.advantage,
            rollout_tokens: rollout_tokens[&example.rollout],
        };
        let sampler: Vec<f32> = self
            .examples
            .iter()
            .flat_map(|example| trained(&example.row).map(|token| example.row.log_probs[token]))
            .collect();
        Rows {
            rows: self.examples.iter().map(row).collect(),
            mask: vec![true; sampler.len()],
            old: self.old.clone(),
            reference: self.reference.clone(),
            sampler: Some(sampler),
        }
    }
}
