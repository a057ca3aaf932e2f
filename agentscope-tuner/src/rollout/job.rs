//! What is to be run.

use std::sync::Arc;

use serde_json::Value;

use super::store::Key;
use crate::candidate::Candidate;

/// A row, ready to be given to a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Id of the row, such as `train/12`.
    pub id: String,
    /// The row.
    pub value: Value,
}

/// One rollout to be made: a candidate on a row, for the `attempt`th time.
#[derive(Clone, Debug)]
pub struct Job {
    /// What fills the slots.
    pub candidate: Arc<Candidate>,
    /// The row.
    pub task: Arc<Task>,
    /// Which of several runs of the row, from 0.
    pub attempt: u32,
}

impl Job {
    /// Every candidate on every row, `repeats` times, row by row, so that comparisons are complete early.
    pub fn grid(candidates: &[Arc<Candidate>], tasks: &[Arc<Task>], repeats: u32) -> Vec<Self> {
        let cells = tasks.iter().flat_map(|task| (0..repeats).map(move |attempt| (task, attempt)));
        cells
            .flat_map(|(task, attempt)| {
                candidates.iter().map(move |candidate| Self {
                    candidate: Arc::clone(candidate),
                    task: Arc::clone(task),
                    attempt,
                })
            })
            .collect()
    }

    /// Identity of the rollout: of all that its result depends on, given the run's configuration.
    ///
    /// Where rollouts are judged together, [`together`] makes it depend on the others.
    pub(super) fn key(&self, candidate: &Key, workflow: &str, judge: Option<&str>) -> Key {
        let mut hasher = blake3::Hasher::new();
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(candidate);
        part(workflow.as_bytes());
        part(judge.unwrap_or_default().as_bytes());
        part(self.task.id.as_bytes());
        part(self.task.value.to_string().as_bytes());
        part(&self.attempt.to_le_bytes());
        let mut key = Key::default();
        hasher.finalize_xof().fill(&mut key);
        key
    }
}

/// The keys of rollouts that are judged together: each depends on what the others are.
pub(super) fn together(keys: &[Key]) -> Vec<Key> {
    let mut all = blake3::Hasher::new();
    keys.iter().for_each(|key| _ = all.update(key));
    let of_group = |key: &Key| {
        let mut hasher = all.clone();
        hasher.update(key);
        let mut key = Key::default();
        hasher.finalize_xof().fill(&mut key);
        key
    };
    keys.iter().map(of_group).collect()
}
