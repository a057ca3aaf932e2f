//! From records to summaries: the score matrix of candidates x rows.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    outcome::{Comparison, Counts, Latency, Summary, Verdict},
    statistics::{CONFIDENCE, Estimate, bootstrap_mean, estimate, mean, quantile},
};
use crate::{
    candidate::Candidate,
    error::Limit,
    model::Usd,
    rollout::{Record, Status},
    workflow::Spent,
};

/// Rows that must count for both before two candidates are compared.
const ENOUGH_ROWS: usize = 5;

/// The records of some candidates on some rows.
#[derive(Debug)]
pub(super) struct Scores<'a> {
    candidates: &'a [Arc<Candidate>],
    records: HashMap<&'a str, Vec<&'a Record>>,
    /// What a failed rollout counts: nothing, or less where rewards are negative, so that failing never pays.
    failure: f64,
    seed: u64,
}

impl<'a> Scores<'a> {
    pub(super) fn new(candidates: &'a [Arc<Candidate>], records: &'a [Record], seed: u64) -> Self {
        let failure = records.iter().filter_map(|record| record.reward).fold(0.0, f64::min);
        let mut by_candidate: HashMap<&str, Vec<&Record>> = HashMap::new();
        for record in records {
            by_candidate.entry(&record.candidate).or_default().push(record);
        }
        Self { candidates, records: by_candidate, failure, seed }
    }

    /// A summary of each candidate, in their order.
    pub(super) fn summaries(&self) -> Vec<Summary> {
        self.candidates.iter().map(|candidate| self.summary(candidate)).collect()
    }

    /// `candidate` against `leader` on the rows that count for both.
    pub(super) fn compare(&self, leader: &str, candidate: &str) -> Comparison {
        let (ours, theirs) = (self.rows(leader), self.rows(candidate));
        let differences: Vec<f64> =
            ours.iter().filter_map(|(row, reward)| Some(reward - theirs.get(row)?)).collect();
        let difference = estimate_difference(&differences, self.seed);
        let verdict = match difference {
            Some(difference) if difference.n < ENOUGH_ROWS => Verdict::NotEnoughData,
            None => Verdict::NotEnoughData,
            Some(difference) if difference.low > 0.0 => Verdict::Worse,
            Some(_) => Verdict::NotShown,
        };
        Comparison { candidate: candidate.to_owned(), leader: leader.to_owned(), difference, verdict }
    }

    fn summary(&self, candidate: &Arc<Candidate>) -> Summary {
        let records = self.of(&candidate.name);
        let mut spent = Spent::default();
        records.iter().for_each(|record| spent += record.spent);
        let rewards: Vec<f64> = self.rows(&candidate.name).into_values().collect();
        let usage = spent.usage;
        Summary {
            candidate: (**candidate).clone(),
            reward: estimate(&rewards, self.seed),
            counts: counts(records),
            metrics: metric_means(records),
            tokens: (usage.input_tokens, usage.output_tokens),
            usd: spent.known_usd().filter(|_| spent.calls > 0 || spent.usd > Usd::ZERO),
            latency: latency(records),
        }
    }

    /// The reward of each row that counts, repeats averaged.
    fn rows(&self, candidate: &str) -> BTreeMap<&'a str, f64> {
        let mut rows: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for record in self.of(candidate).iter().filter(|record| record.status.counts()) {
            rows.entry(&record.task_id).or_default().push(record.reward.unwrap_or(self.failure));
        }
        rows.into_iter().filter_map(|(row, rewards)| Some((row, mean(&rewards)?))).collect()
    }

    fn of(&self, candidate: &str) -> &[&'a Record] {
        self.records.get(candidate).map_or(&[], Vec::as_slice)
    }
}

/// Differences are never 0/1 rewards, so theirs is always the bootstrap interval.
fn estimate_difference(differences: &[f64], seed: u64) -> Option<Estimate> {
    let mean = mean(differences)?;
    let (low, high) = match differences {
        [_] => (f64::NEG_INFINITY, f64::INFINITY),
        _ => bootstrap_mean(differences, CONFIDENCE, seed),
    };
    Some(Estimate { mean, low, high, n: differences.len() })
}

fn counts(records: &[&Record]) -> Counts {
    let mut counts = Counts::default();
    for record in records {
        match record.status {
            Status::Scored => counts.scored += 1,
            Status::TaskFailed => counts.task_failed += 1,
            Status::InfrastructureFailed => counts.infrastructure_failed += 1,
            Status::JudgeFailed => counts.judge_failed += 1,
        }
        counts.timed_out += usize::from(record.limit == Some(Limit::Time));
    }
    counts
}

fn metric_means(records: &[&Record]) -> BTreeMap<String, f64> {
    let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, value) in records.iter().flat_map(|record| &record.metrics) {
        values.entry(name).or_default().push(*value);
    }
    values.into_iter().filter_map(|(name, values)| Some((name.to_owned(), mean(&values)?))).collect()
}

fn latency(records: &[&Record]) -> Option<Latency> {
    let ended = records.iter().filter(|record| record.status.counts());
    let mut seconds: Vec<f64> = ended.map(|record| record.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    Some(Latency { p50: quantile(&seconds, 0.5)?, p95: quantile(&seconds, 0.95)? })
}
