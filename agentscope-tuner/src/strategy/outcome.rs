//! What a strategy found: data, written to `outcome.json`, shown by `report`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::statistics::Estimate;
use crate::{candidate::Candidate, model::Usd};

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The strategy that found it.
    pub strategy: String,
    /// The candidates, best first.
    pub candidates: Vec<Summary>,
    /// Each other candidate against the first, on the rows that count for both.
    pub comparisons: Vec<Comparison>,
    /// Name of the candidate to use, where there is one.
    pub winner: Option<String>,
    /// Candidates that no other one beats in reward, cost and latency together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub front: Vec<String>,
    /// The winner's reward on rows that did not choose it. Where a race needed all rows, that of choosing so: each row is
    /// scored by what the rows outside its fold choose, which need not be the winner everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Estimate>,
    /// What counts besides the reward, where anything does: seed and contender side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weighing: Option<Weighing>,
    /// Share of intervals that cover the truth, and of runs without a wrong verdict.
    pub confidence: f64,
    /// The result in one sentence.
    pub headline: String,
    /// Rows that were asked for.
    pub rows: usize,
    /// Why the run ended early; nothing when it is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

impl Outcome {
    /// The candidate to use, where there is one.
    pub fn chosen(&self) -> Option<&Candidate> {
        let winner = self.winner.as_ref()?;
        self.candidates.iter().map(|summary| &summary.candidate).find(|candidate| candidate.name == *winner)
    }
}

/// One candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The candidate.
    pub candidate: Candidate,
    /// Mean reward over rows; repeats of a row are averaged first. `None` when no row counts.
    pub reward: Option<Estimate>,
    /// When and why it left the race; nothing when it ran to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Departed>,
    /// How its rollouts ended.
    pub counts: Counts,
    /// Means of the metrics, over the rollouts that have them.
    pub metrics: BTreeMap<String, f64>,
    /// Tokens of its workflow, input and output.
    pub tokens: (u64, u64),
    /// Money of its workflow; `None` when a price or a token count is unknown.
    pub usd: Option<Usd>,
    /// Seconds of work of a rollout.
    pub latency: Option<Latency>,
}

/// Candidates side by side in all that counts, over the same rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weighing {
    /// Names of the candidates.
    pub candidates: Vec<String>,
    /// Number of rows.
    pub rows: usize,
    /// The reward, with weight 1, then what counts besides, by name.
    pub parts: Vec<Part>,
    /// What each candidate is worth: the mean over rows of the sum of weights times values, where a failed rollout, or one
    /// that lacks a value, counts as the worst. `None` when no row counts.
    pub worth: Vec<Option<f64>>,
}

/// Something that counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// `reward`, `calls`, `tokens`, `usd`, `length` (in characters), or a metric.
    pub name: String,
    /// How much of worth one of it is; below 0 where less is better.
    pub weight: f64,
    /// Its mean by candidate, over the rollouts that have it; `None` where none has.
    pub means: Vec<Option<f64>>,
}

/// How rollouts ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counts {
    /// With a reward.
    pub scored: usize,
    /// Failed by the workflow's own fault; each counts as the worst reward, at most 0.
    pub task_failed: usize,
    /// Of the scored and failed ones, cut by the time limit.
    pub timed_out: usize,
    /// Failed by an endpoint's fault; left out.
    pub infrastructure_failed: usize,
    /// Failed by the judge's fault; left out.
    pub judge_failed: usize,
}

/// Quantiles of the seconds that rollouts worked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
}

/// A candidate against the leader.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Name of the candidate.
    pub candidate: String,
    /// Name of the leader.
    pub leader: String,
    /// The leader's reward less the candidate's, row by row; where something else counts, what they are worth.
    pub difference: Option<Estimate>,
    /// Two-sided p of no difference as if these rows had been looked at once: exact McNemar or sign permutation.
    pub p: f64,
    /// The same for the whole selection, to be held against 1 - confidence: always-valid for those who left early, else
    /// Holm's over all pairs.
    pub adjusted: f64,
    /// The smallest difference that so many rows would show in 80 % of runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detectable: Option<f64>,
    /// What that shows.
    pub verdict: Verdict,
}

/// What a comparison shows. No candidate is better than the leader: the leader has the best mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// The candidate is worse than the leader.
    Worse,
    /// The difference is shown to be at most epsilon, either way.
    Tied,
    /// Neither a difference nor equality was shown.
    NotShown,
    /// Too few rows count for both.
    NotEnoughData,
    /// Too many rollouts failed at an endpoint or in the judge.
    Blocked,
}

/// A candidate that left a race.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Departed {
    /// Rows it was judged by.
    pub rows: usize,
    /// Why.
    pub reason: Reason,
}

/// Why a candidate left a race.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// The candidate of this name was shown better, by a bound that holds at every look.
    WorseThan(String),
    /// The budget does not suffice for all, and others had a better mean.
    Budget,
}
