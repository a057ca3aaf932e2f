//! `[strategy.weights]`.

use agentscope_tuner_policy::{
    adapter::{LoraConfig, Module},
    loss::{AdvantageSettings, Algorithm, DpoSettings, Importance, Overlong, PolicySettings, Scale},
    optimizer::{AdamWSettings, Decay, Schedule},
};
use serde::{Deserialize, Serialize};

use super::file::DatasetTable;
use crate::{
    error::{Error, ErrorKind, Result},
    model::Sampling,
    strategy::weights::{Objective, Truncated, WeightsTuning},
};

/// Declares the table: every key is optional, and has the default of [`WeightsTuning`] where nothing else is said.
macro_rules! table {
    ($($(#[$doc:meta])* $name:ident: $kind:ty,)*) => {
        /// `[strategy.weights]`: reinforcement learning of an embedded model.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", default)]
        pub struct WeightsTable {
            $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<$kind>,)*
        }
    };
}

table! {
    /// The `Model` slot to train: `slot` of the workflow, or `component.slot`. The only one when unset.
    slot: String,
    /// The embedded model that fills it; what the slot holds when unset.
    model: String,
    /// `dapo` (default), `grpo`, `bnpo`, `dr_grpo`, `gspo`, `cispo`, `sapo`, `rloo`, `reinforce`, `multi_step_grpo` (AgentScope's name
    /// for grpo); `sft` learns the best rollout of each group, `dpo` prefers it to the worst.
    algorithm: String,
    /// Steps; 100 when unset. 0 only warms up.
    steps: u64,
    /// Rollouts of a row that are compared with one another; 8 when unset.
    group_size: u32,
    /// Rows a step; 8 when unset.
    batch_size: usize,
    /// Optimiser steps among which the rollouts of a step are divided; 1 when unset.
    updates: usize,
    /// Highest learning rate; 1e-6, or 1e-5 with `lora`, when unset.
    learning_rate: f64,
    /// Steps over which the rate rises; 0 when unset.
    warmup_steps: u64,
    /// `constant` (default), `cosine`, `linear`.
    decay: String,
    /// Decay of weights a step, times the learning rate; 0 when unset.
    weight_decay: f64,
    /// Largest norm of the gradient; 1 when unset.
    max_grad_norm: f64,
    /// Adapters to train instead of the whole model.
    lora: LoraTable,
    /// Temperature of training rollouts; 1 when unset.
    temperature: f64,
    /// Most tokens of an answer.
    max_tokens: u32,
    /// Sampling on held-out rows; that of the slot's model when unset.
    eval_sampling: Sampling,
    /// How far ρ may fall below 1; that of the algorithm when unset.
    epsilon_low: f64,
    /// How far ρ may rise above 1; that of the algorithm when unset.
    epsilon_high: f64,
    /// Bound c > 1 of the loss where the advantage is negative; 3 is usual.
    dual_clip: f64,
    /// Weight of the divergence from the reference, or of dpo's reward; 0, and 0.1 for dpo, when unset.
    beta: f64,
    /// Weight of the entropy; 0 when unset.
    entropy_coef: f64,
    /// Share of tokens, those of the highest entropy, that are trained; 1 when unset.
    top_entropy_quantile: f64,
    /// Largest weight of a token whose sampler was another policy; no correction when unset.
    importance_cap: f64,
    /// Drops rows with a negative advantage that the sampler found likelier than this, in nats a token.
    off_policy_mask_threshold: f64,
    /// What differences of rewards are divided by: `group`, `batch` or `none`; that of the algorithm when unset.
    scale_rewards: String,
    /// `mask` (default): the tokens of answers that were cut off are not trained. `keep`: they are. `drop`: their rollout is left out.
    truncated: String,
    /// Penalty of long answers.
    overlong: OverlongTable,
    /// What a rollout counts whose workflow failed; 0 when unset.
    failure_reward: f64,
    /// Extra draws of a batch to fill it with groups whose rewards differ; 0 when unset.
    dynamic_sampling: u32,
    /// Whether rows whose rewards differ most are drawn more often.
    curriculum: bool,
    /// Most tokens of a micro-batch; 8192 when unset.
    token_budget: usize,
    /// Whether activations are computed again instead of kept.
    recompute: bool,
    /// Steps between measurements on held-out rows; 10 when unset.
    eval_interval: u64,
    /// How often each held-out row is run; 1 when unset.
    eval_repeats: u32,
    /// Share of held-out rows that choose no checkpoint; 0.5 when unset.
    holdout: f64,
    /// Measurements without a new best after which training ends.
    patience: u32,
    /// Steps between checkpoints; 10 when unset.
    save_interval: u64,
    /// Sampled tokens after which training ends.
    token_limit: u64,
    /// Whether alarms of collapse end the run.
    strict: bool,
    /// Supervised steps before the first.
    warm_start: WarmStartTable,
    /// Share of runs whose verdict is right; 0.95 when unset.
    confidence: f64,
}

/// `lora = { rank = 16, alpha = 32, targets = ["q_proj", …] }`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct LoraTable {
    /// Rank; 16 when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// α; 32 when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// PEFT's names of the layers; all linear layers when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<String>>,
}

/// `overlong = { limit = 512, cache = 128 }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OverlongTable {
    /// The most tokens that an answer may have.
    pub limit: usize,
    /// Over how many tokens the penalty falls to −1.
    pub cache: usize,
}

/// `warm-start = { path = "data", split = "demonstrations", steps = 100 }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct WarmStartTable {
    /// A directory, a file, or a name on the hub, with a column `messages`.
    pub path: String,
    /// A configuration of the dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subset: Option<String>,
    /// Such as `train`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// Steps; 100 when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Rows a step; 32 when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<usize>,
    /// Highest learning rate; that of `[strategy.weights]` when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Steps over which the rate rises; a tenth of `steps` when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup_steps: Option<u64>,
}

impl WarmStartTable {
    /// Where its rows come from.
    pub fn dataset(&self) -> DatasetTable {
        let Self { path, subset, split, .. } = self.clone();
        DatasetTable { path, subset, split, limit: None, shuffle: false }
    }
}

impl WeightsTable {
    /// Lays the table over `tuning`. Its slot, model and warm start stay as they are.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a name that is not known.
    pub fn apply(&self, tuning: &mut WeightsTuning) -> Result<()> {
        self.apply_objective(tuning)?;
        self.apply_optimizer(tuning)?;
        self.apply_rollouts(tuning)?;
        set(&mut tuning.eval_interval, self.eval_interval);
        set(&mut tuning.eval_repeats, self.eval_repeats);
        set(&mut tuning.holdout, self.holdout);
        set(&mut tuning.save_interval, self.save_interval);
        set(&mut tuning.strict, self.strict);
        set(&mut tuning.confidence, self.confidence);
        tuning.patience = self.patience;
        tuning.token_limit = self.token_limit;
        Ok(())
    }

    /// The schedule of the warm start.
    pub fn warm_schedule(&self, warm: &WarmStartTable, tuning: &WeightsTuning) -> Schedule {
        let learning_rate = warm.learning_rate.unwrap_or(tuning.schedule.learning_rate);
        let steps = warm.steps.unwrap_or(100);
        let warmup_steps = warm.warmup_steps.unwrap_or(steps / 10);
        Schedule { warmup_steps, ..Schedule::constant(learning_rate) }
    }

    fn apply_objective(&self, tuning: &mut WeightsTuning) -> Result<()> {
        let name = self.algorithm.as_deref().unwrap_or(Algorithm::default().name());
        tuning.objective = match name {
            "sft" => Objective::Best,
            "dpo" => {
                let default = DpoSettings::default();
                Objective::Preference(DpoSettings { beta: self.beta.unwrap_or(default.beta), ..default })
            }
            _ => Objective::Policy(self.policy(known(name.parse())?)),
        };
        if let Objective::Policy(policy) = &tuning.objective {
            tuning.advantages = AdvantageSettings::of(policy.algorithm);
        }
        if let Some(scale) = &self.scale_rewards {
            tuning.advantages.scale = match scale.as_str() {
                "group" => Scale::Group,
                "batch" => Scale::Batch,
                "none" => Scale::None,
                other => return Err(unknown("scale-rewards", other, "group, batch, none")),
            };
        }
        Ok(())
    }

    fn policy(&self, algorithm: Algorithm) -> PolicySettings {
        let default = PolicySettings { algorithm, ..PolicySettings::default() };
        PolicySettings {
            epsilon_low: self.epsilon_low,
            epsilon_high: self.epsilon_high,
            dual_clip: self.dual_clip,
            beta: self.beta.unwrap_or(default.beta),
            entropy_coef: self.entropy_coef.unwrap_or(default.entropy_coef),
            top_entropy_quantile: self.top_entropy_quantile.unwrap_or(default.top_entropy_quantile),
            importance: self
                .importance_cap
                .map_or(default.importance, |max| Importance::TokenTruncate { max }),
            off_policy_mask_threshold: self.off_policy_mask_threshold,
            max_completion_length: self.max_tokens.map(|tokens| tokens as usize),
            ..default
        }
    }

    fn apply_optimizer(&self, tuning: &mut WeightsTuning) -> Result<()> {
        tuning.lora = self.lora.as_ref().map(LoraTable::config).transpose()?;
        let usual = if tuning.lora.is_some() { 1e-5 } else { 1e-6 };
        let decay =
            self.decay.as_deref().map(|name| known(name.parse())).transpose()?.unwrap_or(Decay::Constant);
        let total_steps = self.steps.unwrap_or(tuning.steps);
        tuning.schedule = Schedule {
            warmup_steps: self.warmup_steps.unwrap_or(0),
            decay,
            total_steps,
            ..Schedule::constant(self.learning_rate.unwrap_or(usual))
        };
        let default = AdamWSettings::default();
        tuning.optimizer = AdamWSettings {
            weight_decay: self.weight_decay.unwrap_or(default.weight_decay),
            max_grad_norm: self.max_grad_norm.or(default.max_grad_norm),
            ..default
        };
        set(&mut tuning.steps, self.steps);
        set(&mut tuning.updates, self.updates);
        set(&mut tuning.token_budget, self.token_budget);
        set(&mut tuning.recompute, self.recompute);
        Ok(())
    }

    fn apply_rollouts(&self, tuning: &mut WeightsTuning) -> Result<()> {
        set(&mut tuning.group_size, self.group_size);
        set(&mut tuning.batch_size, self.batch_size);
        set(&mut tuning.temperature, self.temperature);
        set(&mut tuning.failure_reward, self.failure_reward);
        set(&mut tuning.dynamic_sampling, self.dynamic_sampling);
        set(&mut tuning.curriculum, self.curriculum);
        set(&mut tuning.eval_sampling, self.eval_sampling.clone());
        tuning.max_tokens = self.max_tokens;
        tuning.overlong =
            self.overlong.as_ref().map(|table| Overlong { limit: table.limit, cache: table.cache });
        tuning.truncated = match self.truncated.as_deref() {
            None | Some("mask") => Truncated::Mask,
            Some("keep") => Truncated::Keep,
            Some("drop") => Truncated::Drop,
            Some(other) => return Err(unknown("truncated", other, "mask, keep, drop")),
        };
        Ok(())
    }
}

impl LoraTable {
    fn config(&self) -> Result<LoraConfig> {
        let default = LoraConfig::default();
        let targets = self
            .targets
            .as_ref()
            .map(|names| names.iter().map(|name| known(name.parse::<Module>())).collect::<Result<Vec<_>>>());
        Ok(LoraConfig {
            rank: self.rank.unwrap_or(default.rank),
            alpha: self.alpha.unwrap_or(default.alpha),
            targets: targets.transpose()?.unwrap_or(default.targets.clone()),
            ..default
        })
    }
}

fn set<T>(setting: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *setting = value;
    }
}

fn known<T>(parsed: agentscope_tuner_policy::Result<T>) -> Result<T> {
    parsed.map_err(|error| Error::new(ErrorKind::Config, format!("[strategy.weights] {error}")))
}

fn unknown(key: &str, value: &str, choices: &str) -> Error {
    let message = format!("[strategy.weights] {key} is `{value}`, but must be one of {choices}");
    Error::new(ErrorKind::Config, message)
}
