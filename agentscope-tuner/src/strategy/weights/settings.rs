//! What weights tuning can be told.

use policy::{
    adapter::LoraConfig,
    loss::{AdvantageSettings, Algorithm, Baseline, DpoSettings, Importance, Overlong, PolicySettings},
    optimizer::{AdamWSettings, Schedule},
};

use super::{Sampler, policy};
use crate::{
    candidate::SlotPath,
    error::{Error, ErrorKind, Result},
    model::{Device, Precision, Sampling, device, embedded::Embedded},
    strategy::Inputs,
};

/// Reinforcement learning of the embedded model in one slot.
#[derive(Clone, Debug)]
pub struct WeightsTuning {
    /// The slot whose calls are trained. Calls of other slots and of judges are not.
    pub slot: SlotPath,
    /// Name of its model among the run's models.
    pub model: String,
    /// The model itself.
    pub policy: Embedded,
    /// What is learnt from a group of rollouts.
    pub objective: Objective,
    /// How advantages follow from rewards.
    pub advantages: AdvantageSettings,
    /// Rollouts of a row that are compared with one another, at least 2 (1 for a baseline of the whole batch).
    pub group_size: u32,
    /// Rows a step, at least 1.
    pub batch_size: usize,
    /// Steps; 0 only warms up.
    pub steps: u64,
    /// Optimiser steps among which the rollouts of a step are divided, at least 1.
    pub updates: usize,
    /// Learning rate by step.
    pub schedule: Schedule,
    /// The optimiser.
    pub optimizer: AdamWSettings,
    /// Adapters to train instead of the whole model.
    pub lora: Option<LoraConfig>,
    /// Batches that are sampled before the weights they will be learnt by: while a step learns, the batch so many steps later
    /// is sampled by the weights before it. At most so many steps old is what a step learns from; 0 waits for each.
    pub staleness: u32,
    /// The server that samples; where unset, the model's own engine in this process.
    pub sampler: Option<Sampler>,
    /// Most tokens of a micro-batch: bounds the memory, and makes no difference to the result.
    pub token_budget: usize,
    /// Whether activations are computed again in the backward pass: less memory, a third more work.
    pub recompute: bool,
    /// Where the training computes. Where rollouts are sampled, the model or the sampler says.
    pub device: Device,
    /// How the training multiplies on a GPU.
    pub precision: Precision,
    /// Temperature of training rollouts, above 0. Nothing else may bend the distribution they are drawn from.
    pub temperature: f64,
    /// Most tokens of an answer, in training and on held-out rows; the model's room where unset.
    pub max_tokens: Option<u32>,
    /// Sampling on held-out rows, before the model's own settings.
    pub eval_sampling: Sampling,
    /// What becomes of answers that were cut off.
    pub truncated: Truncated,
    /// Penalty of long answers, added to the reward.
    pub overlong: Option<Overlong>,
    /// What a rollout counts that failed by the workflow's own fault.
    pub failure_reward: f64,
    /// Sampled tokens that a later prompt of the conversation may contradict before a new row is begun.
    pub drift: usize,
    /// Extra draws of a batch, at most, to fill it with groups whose rewards differ.
    pub dynamic_sampling: u32,
    /// Whether rows whose rewards differ most are drawn more often than those that always or never succeed.
    pub curriculum: bool,
    /// Steps between measurements on held-out rows, at least 1.
    pub eval_interval: u64,
    /// How often each held-out row is run, at least 1.
    pub eval_repeats: u32,
    /// Share of the held-out rows that choose no checkpoint and only confirm the result, 0.1 to 0.9.
    pub holdout: f64,
    /// Measurements without a new best after which training ends; never where unset.
    pub patience: Option<u32>,
    /// Steps between checkpoints, at least 1.
    pub save_interval: u64,
    /// Sampled tokens after which training ends; never where unset.
    pub token_limit: Option<u64>,
    /// Whether alarms (no signal, collapse) end the run instead of only being said.
    pub strict: bool,
    /// Supervised steps before the first.
    pub warm_start: Option<WarmStart>,
    /// Share of runs whose verdict is right, at least 0.5 and below 1.
    pub confidence: f64,
}

/// What is learnt from a group of rollouts.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Objective {
    /// All of them, weighed by how much better they were than their peers.
    Policy(PolicySettings),
    /// The best of them, as an example (rejection sampling).
    Best,
    /// The best and the worst of them, as a preference.
    Preference(DpoSettings),
}

/// What becomes of answers that were cut off at their greatest length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Truncated {
    /// Their tokens are not trained; their reward counts for their group.
    #[default]
    Mask,
    /// They are trained like all others.
    Keep,
    /// The whole rollout is left out of its group.
    Drop,
}

/// Supervised steps on example conversations.
#[derive(Clone, Debug)]
pub struct WarmStart {
    /// Rows with a column `messages`: objects with `role` and `content`, as chat templates take them. The assistant's
    /// messages are learnt.
    pub rows: Vec<serde_json::Value>,
    /// Most steps, at least 1.
    pub steps: u64,
    /// Rows a step, at least 1.
    pub batch_size: usize,
    /// Learning rate by step.
    pub schedule: Schedule,
    /// The mean reward, on the held-out rows that choose, at which it ends before its last step.
    pub until: Option<f64>,
    /// Steps between two looks at that reward, at least 1.
    pub eval_interval: u64,
}

impl WeightsTuning {
    /// Trains `policy`, which the run knows as `model`, in `slot`, with settings that suit most.
    pub fn new(slot: SlotPath, model: impl Into<String>, policy: Embedded) -> Self {
        Self {
            slot,
            model: model.into(),
            policy,
            objective: Objective::Policy(PolicySettings::default()),
            advantages: AdvantageSettings::of(Algorithm::default()),
            group_size: 8,
            batch_size: 8,
            steps: 100,
            updates: 1,
            schedule: Schedule::constant(1e-6),
            optimizer: AdamWSettings::default(),
            lora: None,
            staleness: 0,
            sampler: None,
            token_budget: 8192,
            recompute: false,
            device: Device::default(),
            precision: Precision::default(),
            temperature: 1.0,
            max_tokens: None,
            eval_sampling: Sampling::default(),
            truncated: Truncated::default(),
            overlong: None,
            failure_reward: 0.0,
            drift: 4,
            dynamic_sampling: 0,
            curriculum: false,
            eval_interval: 10,
            eval_repeats: 1,
            holdout: 0.5,
            patience: None,
            save_interval: 10,
            token_limit: None,
            strict: false,
            warm_start: None,
            confidence: super::super::statistics::CONFIDENCE,
        }
    }

    /// # Errors
    /// [`ErrorKind::Config`] with every setting that is out of its range, and when the slot's model is another one.
    pub(super) fn check(&self, inputs: &Inputs<'_>) -> Result<()> {
        let mut faults: Vec<String> = self
            .ranges()
            .into_iter()
            .filter(|(holds, _)| !holds)
            .map(|(_, fault)| fault.to_owned())
            .collect();
        let parts = [
            self.schedule.check().err(),
            self.optimizer.check().err(),
            self.lora.as_ref().and_then(|lora| lora.check().err()),
            self.policy_settings().and_then(|policy| policy.check().err()),
            self.warm_start.as_ref().and_then(|warm| warm.schedule.check().err()),
        ];
        faults.extend(parts.into_iter().flatten().map(|error| error.to_string()));
        faults.extend(device::fault(self.device, self.precision));
        faults.extend(self.rows_fault(inputs));
        let alone = inputs.engine.judges_alone("held-out rows have one response of each checkpoint");
        faults.extend(alone.err().map(|error| error.to_string()));
        if faults.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Config, format!("[strategy.weights] {}", faults.join("; "))))
    }

    fn ranges(&self) -> [(bool, &'static str); 17] {
        let alone = self.advantages.baseline == Baseline::Batch;
        let chooses = !matches!(self.objective, Objective::Policy(_));
        let warm = self.warm_start.as_ref();
        let corrects = self.policy_settings().is_none_or(|policy| policy.importance != Importance::None);
        [
            (
                self.group_size >= if alone && !chooses { 1 } else { 2 },
                "group-size must be 2 or more: a rollout is compared with its group (8 is usual; reinforce takes 1)",
            ),
            (self.batch_size >= 1, "batch-size must be 1 or more"),
            (self.updates >= 1, "updates must be 1 or more"),
            (
                self.staleness == 0 || corrects,
                "staleness needs a correction for what older weights sampled: set importance-cap (2 is usual)",
            ),
            (
                self.sampler.is_none() || corrects,
                "a sampler needs a correction, since it rounds otherwise than the trainer: set importance-cap (2 is usual)",
            ),
            (
                self.sampler.as_ref().is_none_or(|sampler| sampler.difference_limit > 0.0),
                "sampler.difference-limit must be above 0 (0.5 is usual)",
            ),
            (self.token_budget >= 1, "token-budget must be 1 or more"),
            (
                self.temperature > 0.0 && self.temperature <= 100.0,
                "temperature must be above 0: greedy rollouts are all the same",
            ),
            (self.max_tokens != Some(0), "max-tokens must be 1 or more"),
            (self.failure_reward.is_finite(), "failure-reward must be a number"),
            (
                self.eval_interval >= 1 && self.save_interval >= 1,
                "eval-interval and save-interval must be 1 or more",
            ),
            (self.eval_repeats >= 1, "eval-repeats must be 1 or more"),
            ((0.1..=0.9).contains(&self.holdout), "holdout must be 0.1 to 0.9"),
            ((0.5..1.0).contains(&self.confidence), "confidence must be at least 0.5 and below 1"),
            (
                warm.is_none_or(|warm| warm.steps >= 1 && warm.batch_size >= 1 && !warm.rows.is_empty()),
                "warm-start needs rows, and at least 1 step of at least 1 row",
            ),
            (
                warm.is_none_or(|warm| warm.eval_interval >= 1 && warm.until.is_none_or(f64::is_finite)),
                "warm-start's `until` must be a reward, its `eval-interval` 1 or more",
            ),
            (self.steps >= 1 || warm.is_some(), "steps must be 1 or more, unless there is a warm-start"),
        ]
    }

    fn rows_fault(&self, inputs: &Inputs<'_>) -> Option<String> {
        if self.steps > 0 && inputs.train.is_empty() {
            return Some("there are no rows to learn from: dataset.train is empty".to_owned());
        }
        (inputs.eval.len() < 4).then(|| {
            let rows = inputs.eval.len();
            format!("dataset.eval has {rows} rows, but a gain is measured on 4 at the very least (200 show 10 points)")
        })
    }

    /// The loss of a policy gradient, where there is one.
    pub(super) fn policy_settings(&self) -> Option<&PolicySettings> {
        match &self.objective {
            Objective::Policy(settings) => Some(settings),
            _ => None,
        }
    }

    /// Whether the loss refers to the model as it was.
    pub(super) fn needs_reference(&self) -> bool {
        match &self.objective {
            Objective::Policy(settings) => settings.beta != 0.0,
            Objective::Preference(_) => true,
            Objective::Best => false,
        }
    }
}
