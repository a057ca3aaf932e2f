//! From records to summaries: the score matrix of candidates x rows.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    outcome::{Counts, Latency, Summary},
    statistics::{CONFIDENCE, Estimate, Unit, estimate, estimate_clustered, mean, quantile},
};
use crate::{
    candidate::Candidate,
    error::Limit,
    model::Usd,
    rollout::{Record, Status},
    workflow::Spent,
};

/// The records of some candidates on some rows.
#[derive(Debug)]
pub(super) struct Scores<'a> {
    candidates: &'a [Arc<Candidate>],
    records: HashMap<&'a str, Vec<&'a Record>>,
    /// What a failed rollout counts: nothing, or less where rewards are negative, so that failing never pays.
    failure: f64,
    confidence: f64,
    /// Cluster of each row by its id; empty when rows stand alone.
    clusters: Option<&'a BTreeMap<String, String>>,
    seed: u64,
}

impl<'a> Scores<'a> {
    pub(super) fn new(candidates: &'a [Arc<Candidate>], records: &'a [Arc<Record>], seed: u64) -> Self {
        let failure = records.iter().filter_map(|record| record.reward).fold(0.0, f64::min);
        let mut by_candidate: HashMap<&str, Vec<&Record>> = HashMap::new();
        for record in records {
            by_candidate.entry(&record.candidate).or_default().push(record);
        }
        Self { candidates, records: by_candidate, failure, confidence: CONFIDENCE, clusters: None, seed }
    }

    /// The same with intervals of this confidence that allow for clusters, where there are any.
    pub(super) fn with(mut self, confidence: f64, clusters: &'a BTreeMap<String, String>) -> Self {
        self.confidence = confidence;
        self.clusters = Some(clusters).filter(|clusters| !clusters.is_empty());
        self
    }

    /// The name of the candidate at this place.
    pub(super) fn name(&self, candidate: usize) -> String {
        self.candidates[candidate].name.clone()
    }

    /// Mean reward of a candidate over the rows that count, repeats averaged.
    pub(super) fn reward(&self, candidate: &str) -> Option<Estimate> {
        let rows = self.rows(candidate);
        let rewards: Vec<f64> = rows.values().copied().collect();
        let Some(clusters) = self.clusters else { return estimate(&rewards, self.confidence, self.seed) };
        let mut units: BTreeMap<&str, Unit> = BTreeMap::new();
        for (row, reward) in &rows {
            let unit = units.entry(clusters.get(*row).map_or(*row, String::as_str)).or_default();
            unit.sum += reward;
            unit.rows += 1.0;
        }
        let units: Vec<Unit> = units.into_values().collect();
        estimate_clustered(&rewards, &units, self.confidence, self.seed)
    }

    /// A summary of each candidate, in their order.
    pub(super) fn summaries(&self) -> Vec<Summary> {
        self.candidates.iter().map(|candidate| self.summary(candidate)).collect()
    }

    fn summary(&self, candidate: &Arc<Candidate>) -> Summary {
        let records = self.of(&candidate.name);
        let mut spent = Spent::default();
        records.iter().for_each(|record| spent += record.spent);
        let usage = spent.usage;
        Summary {
            candidate: (**candidate).clone(),
            reward: self.reward(&candidate.name),
            left: None,
            counts: counts(records),
            metrics: metric_means(records),
            tokens: (usage.input_tokens, usage.output_tokens),
            usd: spent.known_usd().filter(|_| spent.calls > 0 || spent.usd > Usd::ZERO),
            latency: latency(records),
        }
    }

    /// The reward of each row that counts, repeats averaged.
    pub(super) fn rows(&self, candidate: &str) -> BTreeMap<&'a str, f64> {
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
