//! How those of the pool stand.

use std::sync::Arc;

use super::{super::worth::length, Search};
use crate::{candidate::Candidate, rollout::Task, strategy::statistics::mean};

impl Search<'_> {
    /// What a candidate is worth on each of the validation rows.
    pub(in super::super) fn worths(&self, candidate: &Candidate) -> Vec<Option<f64>> {
        self.rows.iter().map(|task| self.lab.board.worth(&candidate.name, &task.id)).collect()
    }

    /// Rewards of a candidate on those of the validation rows that count.
    pub(super) fn rewards(&self, candidate: &Candidate) -> Vec<f64> {
        self.rows.iter().filter_map(|task| self.lab.board.reward(&candidate.name, &task.id)).collect()
    }

    pub(super) fn reward(&self, node: usize, row: &str) -> Option<f64> {
        self.lab.board.reward(&self.pool[node].candidate.name, row)
    }

    /// The best so far: each of the pool is compared with the best of those before it, on the rows that both were run on. Of
    /// equal ones the shorter is better.
    pub(in super::super) fn champion(&self) -> usize {
        let worths: Vec<_> = self.pool.iter().map(|node| self.worths(&node.candidate)).collect();
        let lead = |one: usize, other: usize| -> f64 {
            let pair = |(a, b): (&Option<f64>, &Option<f64>)| Some((*a)? - (*b)?);
            worths[one].iter().zip(&worths[other]).filter_map(pair).sum()
        };
        let all = || (0..self.pool.len()).collect();
        let mut open = self.contenders.clone().unwrap_or_else(all).into_iter();
        let first = open.next().unwrap_or_default();
        let length = |node: usize| length(&self.pool[node].candidate.slots);
        open.fold(first, |best, one| match lead(one, best) {
            lead if lead > 1e-9 => one,
            lead if lead > -1e-9 && length(one) < length(best) => one,
            _ => best,
        })
    }

    /// What a candidate is worth on the validation rows, on average; below all others without any.
    pub(in super::super) fn mean(&self, candidate: &Candidate) -> f64 {
        let worths: Vec<f64> = self.worths(candidate).into_iter().flatten().collect();
        mean(&worths).unwrap_or(f64::NEG_INFINITY)
    }

    /// Whether a candidate was run on all validation rows that choose.
    pub(in super::super) fn is_whole(&self, node: usize) -> bool {
        self.worths(&self.pool[node].candidate).iter().all(Option::is_some)
    }

    /// Whether a reward leaves something to be wished for.
    pub(super) fn is_short(&self, reward: f64) -> bool {
        self.lab.board.range().is_none_or(|(low, high)| reward < high || (low == high && reward < 1.0))
    }

    /// Whether the champion has a reward of 1 on all rows, nobody ever had more, and nothing else counts.
    pub(super) fn is_perfect(&self) -> bool {
        let champion = &self.pool[self.champion()].candidate.name;
        let full = |task: &Arc<Task>| self.lab.board.reward(champion, &task.id) == Some(1.0);
        let full = self.lab.board.objectives().is_empty() && self.rows.iter().all(full);
        full && self.lab.board.range().is_some_and(|(_, high)| high <= 1.0)
    }

    /// Whether nobody was ever told apart.
    pub(in super::super) fn is_constant(&self) -> bool {
        self.lab.board.is_constant()
    }
}
