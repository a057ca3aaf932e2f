//! What is to be run.

use std::sync::Arc;

use serde_json::Value;

use super::store::{Key, key_of};
use crate::candidate::Candidate;

/// Bytes that the parts of a key usually have.
const USUAL: usize = 512;

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
        let mut all = Vec::with_capacity(USUAL);
        for bytes in [&candidate[..], workflow.as_bytes(), judge.unwrap_or_default().as_bytes()] {
            part(&mut all, |all| all.extend(bytes));
        }
        part(&mut all, |all| all.extend(self.task.id.as_bytes()));
        part(&mut all, |all| serde_json::to_writer(all, &self.task.value).expect("a row is JSON"));
        part(&mut all, |all| all.extend(self.attempt.to_le_bytes()));
        key_of(&all)
    }
}

/// Adds what `write` writes, behind its length.
fn part(all: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = all.len() + size_of::<u64>();
    all.resize(start, 0);
    write(all);
    let length = (all.len() - start) as u64;
    all[start - size_of::<u64>()..start].copy_from_slice(&length.to_le_bytes());
}

/// The keys of rollouts that are judged together: each depends on what the others are.
pub(super) fn together(keys: &[Key]) -> Vec<Key> {
    let all = keys.concat();
    keys.iter().map(|key| key_of(&[&all[..], key].concat())).collect()
}
