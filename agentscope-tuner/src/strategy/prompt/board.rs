//! What is known of each candidate on each row.

use std::{collections::HashMap, sync::Arc};

use crate::{rollout::Record, strategy::statistics::mean};

/// All records of a run, by candidate, row and attempt.
#[derive(Debug, Default)]
pub(super) struct Board {
    records: HashMap<String, HashMap<String, Vec<Arc<Record>>>>,
    /// Lowest and highest reward so far.
    range: Option<(f64, f64)>,
}

impl Board {
    /// Notes a record, once.
    pub(super) fn note(&mut self, record: &Arc<Record>) {
        if let Some(reward) = record.reward {
            let (low, high) = self.range.unwrap_or((reward, reward));
            self.range = Some((low.min(reward), high.max(reward)));
        }
        let rows = self.records.entry(record.candidate.clone()).or_default();
        rows.entry(record.task_id.clone()).or_default().push(Arc::clone(record));
    }

    /// Whether this attempt was run.
    pub(super) fn has(&self, candidate: &str, row: &str, attempt: u32) -> bool {
        self.of(candidate, row).iter().any(|record| record.attempt == attempt)
    }

    /// The records of a candidate on a row.
    pub(super) fn of(&self, candidate: &str, row: &str) -> &[Arc<Record>] {
        self.records.get(candidate).and_then(|rows| rows.get(row)).map_or(&[], Vec::as_slice)
    }

    /// Mean reward of a candidate on a row; `None` where no attempt counts.
    pub(super) fn reward(&self, candidate: &str, row: &str) -> Option<f64> {
        let counted = self.of(candidate, row).iter().filter(|record| record.status.counts());
        mean(&counted.map(|record| self.worth(record)).collect::<Vec<_>>())
    }

    /// The reward of a record. A failed rollout counts as the worst one, at most 0.
    pub(super) fn worth(&self, record: &Record) -> f64 {
        record.reward.unwrap_or_else(|| self.range.map_or(0.0, |(low, _)| low.min(0.0)))
    }

    /// Lowest and highest reward so far.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        self.range
    }

    /// Whether any judge gave a reason in words.
    pub(super) fn has_feedback(&self) -> bool {
        self.all().any(|record| record.feedback.is_some())
    }

    /// Why rollouts failed, if any did.
    pub(super) fn first_error(&self) -> Option<String> {
        let mut failed: Vec<_> = self.all().filter(|record| record.error.is_some()).collect();
        failed.sort_by(|one, other| one.task_id.cmp(&other.task_id));
        failed.first().and_then(|record| record.error.clone())
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.records.values().flat_map(HashMap::values).flatten()
    }
}
