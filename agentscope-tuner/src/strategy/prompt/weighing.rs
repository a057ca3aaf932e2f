//! Seed and contender side by side in all that counts.

use std::sync::Arc;

use super::board::Board;
use crate::{
    rollout::{Record, Task},
    strategy::{Part, Weighing, statistics::mean},
};

/// `names` over `rows`; `None` where the reward is all that counts.
pub(super) fn weighing(board: &Board, names: &[&str], rows: &[Arc<Task>]) -> Option<Weighing> {
    let objectives = board.objectives();
    let over_rows = |name: &str, value: &dyn Fn(&Record) -> Option<f64>| {
        mean(&rows.iter().filter_map(|task| board.mean(name, &task.id, value)).collect::<Vec<_>>())
    };
    let part = |name: &str, weight: f64, value: &dyn Fn(&Record) -> Option<f64>| Part {
        name: name.to_owned(),
        weight,
        means: names.iter().map(|one| over_rows(one, value)).collect(),
    };
    let reward = part("reward", 1.0, &|record| Some(board.reward_of(record)));
    let others = objectives
        .iter()
        .map(|one| part(&one.name, one.weight, &|record| one.value(record, board.length(record))));
    (!objectives.is_empty()).then(|| Weighing {
        candidates: names.iter().map(|name| (*name).to_owned()).collect(),
        rows: rows.len(),
        parts: std::iter::once(reward).chain(others).collect(),
        worth: names.iter().map(|name| over_rows(name, &|record| Some(board.worth_of(record)))).collect(),
    })
}
