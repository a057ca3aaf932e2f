//! Rows that are not learnt from: some choose the best checkpoint, the others say what the gain is.

use std::sync::Arc;

use super::{WeightsTuning, groups};
use crate::{
    candidate::Candidate,
    error::{Error, ErrorKind, Result},
    rollout::{Job, Record, Run, Status, Task},
    seed,
    strategy::Inputs,
};

/// The two parts of the held-out rows.
#[derive(Clone, Debug)]
pub(super) struct HeldOut {
    /// They choose.
    pub(super) choosing: Vec<Arc<Task>>,
    /// They chose nothing.
    pub(super) confirming: Vec<Arc<Task>>,
}

impl HeldOut {
    /// Divides `rows` by chance, at least 2 to each part.
    pub(super) fn divide(rows: &[Arc<Task>], share: f64, seed: u64) -> Self {
        let mut shuffled = rows.to_vec();
        shuffled.sort_by_cached_key(|row| seed::draw(seed, "weights.held-out", [row.id.as_bytes()]));
        let wanted = (rows.len() as f64 * share).round() as usize;
        let choosing =
            shuffled.split_off(wanted.clamp(2, rows.len().saturating_sub(2).max(2)).min(rows.len()));
        Self { choosing, confirming: shuffled }
    }
}

/// Runs the policy after `version` steps on `rows`; the engine must hold these weights.
pub(super) async fn measure(
    settings: &WeightsTuning,
    inputs: &Inputs<'_>,
    version: u64,
    rows: &[Arc<Task>],
) -> Result<(Arc<Candidate>, Run)> {
    let candidate = groups::measured(settings, version);
    let jobs = Job::grid(std::slice::from_ref(&candidate), rows, settings.eval_repeats);
    inputs.engine.expect(jobs.len());
    let run = inputs.engine.run_once(jobs).await?;
    Ok((candidate, run))
}

/// Why nothing can be learnt, where no rollout got so far as an answer of any model: each would end like that for ever.
pub(super) fn unanswered(records: &[Arc<Record>]) -> Option<Error> {
    let silent = |record: &Record| record.status == Status::TaskFailed && record.calls.is_empty();
    let why = records.iter().all(|record| silent(record)).then(|| records.first()?.error.clone())??;
    let message = format!(
        "all {} held-out rollouts failed before a model had answered, so there is nothing to learn from: {why}",
        records.len()
    );
    Some(Error::new(ErrorKind::Workflow, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_one_part_each() {
        let rows: Vec<_> =
            (0..10).map(|row| Arc::new(Task { id: format!("test/{row}"), value: row.into() })).collect();
        for (share, expected) in [(0.5, 5), (0.1, 2), (0.9, 8), (0.3, 3)] {
            let HeldOut { choosing, confirming } = HeldOut::divide(&rows, share, 1);
            assert_eq!((confirming.len(), choosing.len()), (expected, 10 - expected));
            let mut all: Vec<_> = choosing.iter().chain(&confirming).map(|row| row.id.clone()).collect();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), 10);
        }
    }
}
