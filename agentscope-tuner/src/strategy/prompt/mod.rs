//! Which texts are best: prompts and worked examples that are proposed, raced against their parents, and compared with the
//! seed on rows that chose neither.
//!
//! A round draws parents from the per-row Pareto front, asks several proposers, and races what they propose on
//! growing slices of the validation rows. All decisions follow from the run's journal and counter-based randomness, so a
//! run that was killed and resumed ends as an uninterrupted one.

mod bandit;
mod board;
mod conclusion;
mod dice;
mod episode;
pub mod fence;
mod finale;
pub mod front;
mod keep;
mod lab;
pub mod lineage;
mod plan;
mod playoff;
mod propose;
mod purse;
pub mod race;
mod recorded;
mod search;
#[cfg(test)]
mod tests;
mod weighing;
mod worth;

use std::{collections::BTreeMap, path::PathBuf};

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Inputs, Outcome, Strategy, statistics::CONFIDENCE};
use crate::{
    candidate::Candidate,
    error::{Error, ErrorKind, Result},
};

/// Tunes the prompts of the workflow: the verb `prompt`.
#[derive(Clone, Debug)]
pub struct PromptTuning {
    /// Names of the `Prompt` and `Demos` slots to tune; all of the workflow when empty.
    pub slots: Vec<String>,
    /// Where to begin; what is configured when unset.
    pub start: Option<Candidate>,
    /// Directory of an earlier run whose rollouts of the start, on rows to learn from, are evidence without being made again.
    pub traces: Option<PathBuf>,
    /// The model that proposes texts, by its name in the configuration. Without one there are still worked examples, merges
    /// and phrase edits.
    pub proposer: Option<String>,
    /// How much is tried.
    pub effort: Effort,
    /// Most rounds; no bound but the effort's and the budget's when unset.
    pub rounds: Option<u32>,
    /// Most rollouts, at least 1; the effort's when unset.
    pub rollouts: Option<u64>,
    /// Proposals a round, at least 1; by the size of the budget when unset.
    pub parallel: Option<usize>,
    /// Rows that a parent is run on for a reflection, at least 1.
    pub minibatch: usize,
    /// Phrases to be tried in prompts.
    pub phrases: Vec<String>,
    /// Most characters of a prompt, examples included, at least 1.
    pub max_length: usize,
    /// Share of the validation rows that do not choose: the winner and the seed are compared on them. Above 0 to 0.5.
    pub holdout: f64,
    /// Share of runs without headroom that return the seed, at least 0.5 and below 1.
    pub confidence: f64,
    /// What counts besides the reward, by name, with finite weights: a rollout is worth its reward plus each weight times its value,
    /// so that less is better where the weight is negative. `calls`, `tokens` and `usd` are what the workflow used, `length` is the
    /// number of characters of the tuned texts and examples, any other name a metric of the workflow or the judge.
    pub objectives: BTreeMap<String, f64>,
}

/// So many rollouts are allowed for each question: a race of one child has more.
const ROLLOUTS_A_QUESTION: u64 = 3;

impl Default for PromptTuning {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            start: None,
            traces: None,
            proposer: None,
            effort: Effort::default(),
            rounds: None,
            rollouts: None,
            parallel: None,
            minibatch: 6,
            phrases: propose::STOCK.map(str::to_owned).into(),
            max_length: 12_000,
            holdout: 0.4,
            confidence: CONFIDENCE,
            objectives: BTreeMap::new(),
        }
    }
}

/// How much is tried: the most rollouts, where the budget does not end the run before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// 300 rollouts.
    Light,
    /// 1,000 rollouts.
    #[default]
    Medium,
    /// 3,000 rollouts.
    Heavy,
}

impl Effort {
    /// The most rollouts.
    pub fn rollouts(self) -> u64 {
        match self {
            Self::Light => 300,
            Self::Medium => 1_000,
            Self::Heavy => 3_000,
        }
    }
}

impl PromptTuning {
    /// The most rollouts that a run makes, whatever its budget.
    pub fn most_rollouts(&self) -> u64 {
        self.rollouts.unwrap_or_else(|| self.effort.rollouts())
    }

    /// The most questions that a run asks the proposer model, whatever its budget.
    pub fn most_questions(&self) -> u64 {
        if self.proposer.is_some() { self.most_rollouts().div_ceil(ROLLOUTS_A_QUESTION) } else { 0 }
    }

    /// Checks without a call that there is something to tune, and rows to tune it on.
    ///
    /// # Errors
    /// As [`run`](Strategy::run) before its first call.
    pub fn check(&self, inputs: &Inputs<'_>) -> Result<()> {
        match self.faults().as_slice() {
            [] => plan::Plan::new(self, inputs).map(drop),
            faults => Err(Error::new(ErrorKind::Usage, format!("[strategy.prompt] {}", faults.join("; ")))),
        }
    }

    /// Every number that is out of its range, with the range.
    pub(crate) fn faults(&self) -> Vec<String> {
        let at_least_one = [
            ("rounds", self.rounds == Some(0)),
            ("rollouts", self.rollouts == Some(0)),
            ("parallel", self.parallel == Some(0)),
            ("minibatch", self.minibatch == 0),
            ("max-length", self.max_length == 0),
        ];
        let zeros = at_least_one.iter().filter(|(_, zero)| *zero);
        let mut faults: Vec<String> =
            zeros.map(|(name, _)| format!("{name} is 0, but must be at least 1")).collect();
        if !(self.holdout > 0.0 && self.holdout <= 0.5) {
            faults.push(format!("holdout is {}, but must be above 0 and at most 0.5", self.holdout));
        }
        if !(0.5..1.0).contains(&self.confidence) {
            faults.push(format!("confidence is {}, but must be at least 0.5 and below 1", self.confidence));
        }
        faults.extend(worth::faults(&self.objectives));
        faults
    }
}

impl Strategy for PromptTuning {
    fn name(&self) -> &'static str {
        "prompt"
    }

    fn learns(&self) -> bool {
        true
    }

    fn models(&self) -> Vec<String> {
        self.proposer.iter().cloned().collect()
    }

    fn run<'a>(&'a self, inputs: Inputs<'a>) -> BoxFuture<'a, Result<Outcome>> {
        Box::pin(async move {
            self.check(&inputs)?;
            finale::tune(self, inputs).await
        })
    }
}
