//! `[strategy.prompt]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::strategy::prompt::{Effort, PromptTuning};

/// `[strategy.prompt]`: prompt tuning. What is unset is as [`PromptTuning`] has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct PromptTable {
    /// Several workflows whose prompts are tuned one after another, within one budget; the chosen workflow alone when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workflows: Vec<String>,
    /// The `Prompt` and `Demos` slots of the workflow to tune; all when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<String>,
    /// The model of `[models]` that proposes texts; without one only examples, merges and phrase edits are tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposer: Option<String>,
    /// `light`, `medium` or `heavy`: at most 300, 1,000 or 3,000 rollouts; `medium` when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// Most rounds, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounds: Option<u32>,
    /// Most rollouts, at least 1; goes before `effort`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollouts: Option<u64>,
    /// Proposals a round, at least 1; 1 to 4 by the size of the budget when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel: Option<usize>,
    /// Rows that a parent is run on for a reflection, at least 1; 6 when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minibatch: Option<usize>,
    /// Phrases to be tried in prompts; a short general list when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phrases: Option<Vec<String>>,
    /// Most characters of a prompt, at least 1; 12,000 when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
    /// Share of the validation rows that do not choose, above 0 to 0.5; 0.4 when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holdout: Option<f64>,
    /// Share of runs without headroom that return the seed, at least 0.5 and below 1; 0.95 when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// What counts besides the reward, by name, with its weight, negative where less is better: `calls`, `tokens`, `usd` of a
    /// rollout, `length` (characters of the tuned texts and examples), else a metric of the workflow or the judge. A weight of 0
    /// switches one off.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub objectives: BTreeMap<String, f64>,
}

impl PromptTable {
    /// The strategy that it describes.
    pub fn tuning(&self) -> PromptTuning {
        let table = self.clone();
        let default = PromptTuning::default();
        PromptTuning {
            slots: table.slots,
            start: None,
            traces: None,
            proposer: table.proposer,
            effort: table.effort.unwrap_or_default(),
            rounds: table.rounds,
            rollouts: table.rollouts,
            parallel: table.parallel,
            minibatch: table.minibatch.unwrap_or(default.minibatch),
            phrases: table.phrases.unwrap_or(default.phrases),
            max_length: table.max_length.unwrap_or(default.max_length),
            holdout: table.holdout.unwrap_or(default.holdout),
            confidence: table.confidence.unwrap_or(default.confidence),
            objectives: table.objectives,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn objectives_are_names_with_finite_weights() {
        let read = |text: &str| {
            Config::parse(
                &format!("[strategy.prompt.objectives]\n{text}"),
                "tuner.toml",
                "".into(),
                None,
                &[],
            )
        };
        let config = read("tokens = -0.0001\nbrevity = 1").unwrap();
        let objectives = config.file.strategy.prompt.unwrap().tuning().objectives;
        assert_eq!(objectives, [("brevity".to_owned(), 1.0), ("tokens".to_owned(), -0.0001)].into());
        let error = read("brevity = inf\nreward = 1\nseconds = -1").unwrap_err().to_string();
        for fault in ["objectives.brevity is inf", "objectives.reward:", "objectives.seconds:"] {
            assert!(error.contains(&format!("tuner.toml: strategy.prompt.{fault}")), "{fault}: {error}");
        }
    }
}
