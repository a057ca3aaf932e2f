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
    /// The result in one sentence.
    pub headline: String,
    /// Rows that were asked for.
    pub rows: usize,
    /// Why the run ended early; nothing when it is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// One candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The candidate.
    pub candidate: Candidate,
    /// Mean reward over rows; repeats of a row are averaged first. `None` when no row counts.
    pub reward: Option<Estimate>,
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
    /// The leader's reward less the candidate's, row by row.
    pub difference: Option<Estimate>,
    /// What that shows.
    pub verdict: Verdict,
}

/// What a comparison shows, at 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// The candidate is worse than the leader.
    Worse,
    /// No difference was shown.
    NotShown,
    /// Too few rows count for both.
    NotEnoughData,
}
