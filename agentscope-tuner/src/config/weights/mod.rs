//! `[strategy.weights]`.

mod apply;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::DatasetTable;
use crate::model::{Device, Precision, Sampling};

/// Declares the table: every key is optional, and has the default of [`WeightsTuning`](crate::strategy::WeightsTuning) where nothing else is said.
macro_rules! table {
    ($($(#[$doc:meta])* $name:ident: $kind:ty,)*) => {
        /// `[strategy.weights]`: reinforcement learning of an embedded model.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// How many steps older than those that learn the weights that sample may be: rollouts and training then overlap, and
    /// `importance-cap` is 2 unless set. 0 when unset.
    staleness: u32,
    /// A server that samples the rollouts, in the place of the engine in this process; `importance-cap` is then 2 unless set.
    sampler: SamplerTable,
    /// Most tokens of a micro-batch; 8192 when unset.
    token_budget: usize,
    /// Whether activations are computed again instead of kept.
    recompute: bool,
    /// Where the training computes: `cpu` (default) or `cuda`, the first NVIDIA GPU, in programs built with that feature. Where the
    /// model samples, its own table says.
    device: Device,
    /// How the training multiplies on a GPU: `f32` (default), `tf32` or `bf16`. Master weights, gradients and sums are f32 in any
    /// case.
    precision: Precision,
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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

/// `sampler = { model = "served" }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct SamplerTable {
    /// The model of `[models]` that answers: one of vLLM, or of another server with its extensions.
    pub model: String,
    /// Where the weights of each version are written for the server, which must see this directory under the same path; the
    /// run's directory when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// How far the log-probabilities of server and trainer may be apart after weights were loaded, in nats a token on the
    /// average; 0.5 when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference_limit: Option<f64>,
}

/// `overlong = { limit = 512, cache = 128 }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct OverlongTable {
    /// The most tokens that an answer may have.
    pub limit: usize,
    /// Over how many tokens the penalty falls to −1.
    pub cache: usize,
}

/// `warm-start = { path = "data", split = "demonstrations", steps = 100 }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Most steps; 100 when unset.
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
    /// Mean reward, on the held-out rows that choose, at which it ends before its last step; never when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<f64>,
    /// Steps between two looks at that reward; that of `[strategy.weights]` when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_interval: Option<u64>,
}

impl WarmStartTable {
    /// Where its rows come from.
    pub fn dataset(&self) -> DatasetTable {
        let Self { path, subset, split, .. } = self.clone();
        DatasetTable { path, subset, split, limit: None, shuffle: false }
    }
}
