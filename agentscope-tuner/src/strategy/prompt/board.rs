//! What is known of each candidate on each row, and what that is worth.

use std::{collections::HashMap, sync::Arc};

use super::worth::{Objective, Objectives, length};
use crate::{candidate::Candidate, rollout::Record, strategy::statistics::mean};

/// All records of a run, by candidate, row and attempt.
#[derive(Debug, Default)]
pub(super) struct Board {
    records: HashMap<String, HashMap<String, Vec<Arc<Record>>>>,
    objectives: Objectives,
    /// Characters of each candidate.
    lengths: HashMap<String, usize>,
    /// Lowest and highest so far: of the rewards, and of what the scored rollouts were worth.
    rewards: Option<(f64, f64)>,
    worths: Option<(f64, f64)>,
}

impl Board {
    /// A board on which `objectives` count besides the reward.
    pub(super) fn new(objectives: Objectives) -> Self {
        Self { objectives, ..Self::default() }
    }

    /// Learns what there is to know of a candidate before it is run.
    pub(super) fn meet(&mut self, candidate: &Candidate) {
        if !self.lengths.contains_key(&candidate.name) {
            self.lengths.insert(candidate.name.clone(), length(&candidate.slots));
        }
    }

    /// Notes a record, once.
    pub(super) fn note(&mut self, record: &Arc<Record>) {
        let rows = self.records.entry(record.candidate.clone()).or_default();
        rows.entry(record.task_id.clone()).or_default().push(Arc::clone(record));
        let Some(reward) = record.reward else { return };
        self.rewards = Some(wider(self.rewards, reward));
        let length = self.length(record);
        self.worths = match self.objectives.learn(record, length) {
            // Those that lack an objective are worth less now.
            true => self
                .all()
                .filter(|one| one.reward.is_some())
                .fold(None, |range, one| Some(wider(range, self.worth_of(one)))),
            false => Some(wider(self.worths, self.worth_of(record))),
        };
    }

    /// Whether this attempt was run.
    pub(super) fn has(&self, candidate: &str, row: &str, attempt: u32) -> bool {
        self.of(candidate, row).iter().any(|record| record.attempt == attempt)
    }

    /// The records of a candidate on a row.
    pub(super) fn of(&self, candidate: &str, row: &str) -> &[Arc<Record>] {
        self.records.get(candidate).and_then(|rows| rows.get(row)).map_or(&[], Vec::as_slice)
    }

    /// What a candidate is worth on a row, on average: what all comparisons go by. `None` where no attempt counts.
    pub(super) fn worth(&self, candidate: &str, row: &str) -> Option<f64> {
        self.mean(candidate, row, |record| Some(self.worth_of(record)))
    }

    /// Mean reward of a candidate on a row; `None` where no attempt counts.
    pub(super) fn reward(&self, candidate: &str, row: &str) -> Option<f64> {
        self.mean(candidate, row, |record| Some(self.reward_of(record)))
    }

    /// Mean of `value` over the attempts of a candidate on a row that count and have it.
    pub(super) fn mean(
        &self,
        candidate: &str,
        row: &str,
        value: impl Fn(&Record) -> Option<f64>,
    ) -> Option<f64> {
        let counted = self.of(candidate, row).iter().filter(|record| record.status.counts());
        mean(&counted.filter_map(|record| value(record)).collect::<Vec<_>>())
    }

    /// The reward of a record. A failed rollout counts as the worst one, at most 0.
    pub(super) fn reward_of(&self, record: &Record) -> f64 {
        record.reward.unwrap_or_else(|| worst(self.rewards))
    }

    /// What a record is worth: its reward and the objectives. A failed rollout, which may have used little, counts as the worst
    /// scored one, at most 0.
    pub(super) fn worth_of(&self, record: &Record) -> f64 {
        match record.reward {
            Some(reward) => self.objectives.worth(reward, record, self.length(record)),
            None => worst(self.worths),
        }
    }

    /// What counts besides the reward.
    pub(super) fn objectives(&self) -> &Objectives {
        &self.objectives
    }

    /// What a record has of each objective, where that is known.
    pub(super) fn values(&self, record: &Record) -> Vec<(String, f64)> {
        let length = self.length(record);
        let value = |one: &Objective| Some((one.name.clone(), one.value(record, length)?));
        self.objectives.iter().filter_map(value).collect()
    }

    /// Lowest and highest reward so far.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        self.rewards
    }

    /// Whether no two scored rollouts were worth something else.
    pub(super) fn is_constant(&self) -> bool {
        self.worths.is_none_or(|(low, high)| low == high)
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

    /// The scored rollouts of a candidate.
    pub(super) fn scored(&self, candidate: &str) -> Vec<&Record> {
        let rows = self.records.get(candidate).into_iter().flat_map(HashMap::values).flatten();
        rows.map(Arc::as_ref).filter(|record| record.reward.is_some()).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.records.values().flat_map(HashMap::values).flatten()
    }

    /// Characters of the candidate that a record is of.
    pub(super) fn length(&self, record: &Record) -> usize {
        self.lengths.get(&record.candidate).copied().unwrap_or_default()
    }
}

fn wider(range: Option<(f64, f64)>, value: f64) -> (f64, f64) {
    let (low, high) = range.unwrap_or((value, value));
    (low.min(value), high.max(value))
}

/// What a failed rollout counts.
fn worst(range: Option<(f64, f64)>) -> f64 {
    range.map_or(0.0, |(low, _)| low.min(0.0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        candidate::{SlotPath, SlotValue},
        strategy::prompt::worth::LENGTH,
    };

    fn record(row: &str, reward: Option<f64>, words: Option<f64>) -> Arc<Record> {
        let status = if reward.is_some() { "scored" } else { "task-failed" };
        let metrics = words.map_or_else(|| json!({}), |words| json!({ "words": words }));
        let json = json!({
            "candidate": "p1", "task_id": row, "attempt": 0, "status": status, "reward": reward, "metrics": metrics, "seconds": 1.0,
            "spent": {}
        });
        Arc::new(serde_json::from_value(json).unwrap())
    }

    fn board(weights: &[(&str, f64)]) -> Board {
        let weights = weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
        let mut board = Board::new(Objectives::new(&weights));
        let text = SlotValue::Prompt("Count: äöü".into());
        board.meet(&Candidate::new("p1").with(SlotPath::new("w", "system"), text));
        board
    }

    #[test]
    fn a_failed_rollout_used_little_and_counts_as_the_worst_all_the_same() {
        let mut board = board(&[("words", -0.1)]);
        board.note(&record("failed", None, None));
        assert_eq!(board.worth("p1", "failed"), Some(0.0));
        board.note(&record("a", Some(1.0), Some(4.0)));
        board.note(&record("b", Some(0.0), Some(2.0)));
        assert_eq!([board.worth("p1", "a"), board.worth("p1", "b")], [Some(0.6), Some(-0.2)]);
        assert_eq!([board.worth("p1", "failed"), board.reward("p1", "failed")], [Some(-0.2), Some(0.0)]);
        // One without the metric is worth as little as can be, and less when that gets less.
        board.note(&record("c", Some(0.0), None));
        assert_eq!(board.worth("p1", "failed"), Some(-0.4));
        board.note(&record("d", Some(1.0), Some(9.0)));
        assert_eq!([board.worth("p1", "c"), board.worth("p1", "failed")], [Some(-0.9), Some(-0.9)]);
        assert_eq!(board.range(), Some((0.0, 1.0)));
    }

    #[test]
    fn length_is_counted_in_characters() {
        let mut board = board(&[(LENGTH, -0.01)]);
        board.note(&record("a", Some(1.0), None));
        assert_eq!(board.worth("p1", "a"), Some(0.9));
        assert_eq!(board.values(&record("a", Some(1.0), None)), [(LENGTH.to_owned(), 10.0)]);
    }

    #[test]
    fn without_objectives_worth_is_reward() {
        let mut board = board(&[]);
        for (row, reward) in [("a", Some(0.1 + 0.2)), ("b", Some(-0.5)), ("c", None)] {
            board.note(&record(row, reward, Some(1.0)));
            assert_eq!(board.worth("p1", row), board.reward("p1", row));
        }
        assert_eq!(board.worth("p1", "c"), Some(-0.5));
    }
}
