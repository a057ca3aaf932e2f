//! Why rollouts failed.

use std::collections::BTreeMap;

use crate::rollout::{Record, Status};

/// Reasons that are shown; the others are counted.
const MOST: usize = 5;

/// The reasons of the failures among `records`, the most frequent first, a line each; empty when nothing failed.
pub fn failures<'a>(records: impl IntoIterator<Item = &'a Record>) -> String {
    let mut reasons: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for record in records.into_iter().filter(|record| record.status != Status::Scored) {
        let reason = record.error.as_deref().unwrap_or("no reason given");
        *reasons.entry((record.status.name(), reason)).or_default() += 1;
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut lines: Vec<_> = reasons
        .iter()
        .take(MOST)
        .map(|((status, reason), count)| format!("{count} {status}: {reason}"))
        .collect();
    if reasons.len() > MOST {
        lines.push(format!("and {} other reasons", reasons.len() - MOST));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::Spent;

    fn record(status: Status, error: &str) -> Record {
        Record {
            candidate: "a".into(),
            task_id: "train/0".into(),
            attempt: 0,
            status,
            reward: None,
            metrics: BTreeMap::new(),
            feedback: None,
            response: serde_json::Value::Null,
            error: Some(error.into()),
            limit: None,
            spent: Spent::default(),
            judge_spent: Spent::default(),
            seconds: 0.0,
            calls: Vec::new(),
        }
    }

    #[test]
    fn the_most_frequent_reason_comes_first() {
        let records = [
            record(Status::TaskFailed, "no answer"),
            record(Status::InfrastructureFailed, "429"),
            record(Status::InfrastructureFailed, "429"),
            record(Status::Scored, ""),
        ];
        assert_eq!(failures(&records), "2 infrastructure-failed: 429\n1 task-failed: no answer");
        assert_eq!(failures(&records[3..]), "");
    }
}
