//! How those of the pool stand.

use super::Search;
use crate::{
    candidate::{Candidate, SlotValue},
    strategy::statistics::{deviation, mean},
};

/// z(0.95) + z(0.9): a one-sided test at 0.05 that shows a difference in 90 % of runs.
const POWER: f64 = 2.926;
/// What is left of a lead on other rows: who leads was also lucky.
const REGRESSION: f64 = 0.6;

impl Search<'_> {
    /// Rewards of a candidate on the validation rows.
    pub(in super::super) fn rewards(&self, candidate: &Candidate) -> Vec<Option<f64>> {
        self.rows.iter().map(|task| self.lab.board.reward(&candidate.name, &task.id)).collect()
    }

    pub(super) fn reward(&self, node: usize, row: &str) -> Option<f64> {
        self.lab.board.reward(&self.pool[node].candidate.name, row)
    }

    /// The best so far: each of the pool is compared with the best of those before it, on the rows that both were run on. Of
    /// equal ones the shorter is better.
    pub(in super::super) fn champion(&self) -> usize {
        let rewards: Vec<_> = self.pool.iter().map(|node| self.rewards(&node.candidate)).collect();
        let lead = |one: usize, other: usize| -> f64 {
            let pair = |(a, b): (&Option<f64>, &Option<f64>)| Some((*a)? - (*b)?);
            rewards[one].iter().zip(&rewards[other]).filter_map(pair).sum()
        };
        let all = || (0..self.pool.len()).collect();
        let mut open = self.contenders.clone().unwrap_or_else(all).into_iter();
        let first = open.next().unwrap_or_default();
        open.fold(first, |best, one| match lead(one, best) {
            lead if lead > 1e-9 => one,
            lead if lead > -1e-9 && self.length(one) < self.length(best) => one,
            _ => best,
        })
    }

    /// Mean reward of a candidate on the validation rows; below all others without any.
    pub(in super::super) fn mean(&self, candidate: &Candidate) -> f64 {
        let rewards: Vec<f64> = self.rewards(candidate).into_iter().flatten().collect();
        mean(&rewards).unwrap_or(f64::NEG_INFINITY)
    }

    /// Whether a candidate was run on all validation rows that choose.
    pub(in super::super) fn is_whole(&self, node: usize) -> bool {
        self.rewards(&self.pool[node].candidate).iter().all(Option::is_some)
    }

    /// Rollouts that the finale needs to show by how much the champion leads now, at most what is planned for it.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded below by 12, above by the plan"
    )]
    pub(in super::super) fn finale_rollouts(&self) -> u64 {
        // Where all rows are planned for, the search has enough as well: what it would gain, a noisy judge would cost.
        if self.planned.0 >= 2 * self.plan.held.len() as u64 {
            return self.planned.0;
        }
        let [own, seeds] = [self.champion(), 0].map(|one| self.rewards(&self.pool[one].candidate));
        let pair = |(own, seed): (Option<f64>, Option<f64>)| Some(own? - seed?);
        let differences: Vec<f64> = own.into_iter().zip(seeds).filter_map(pair).collect();
        let lead = mean(&differences).filter(|lead| *lead > 0.0);
        let Some((lead, spread)) = lead.zip(deviation(&differences)) else { return self.planned.0 };
        let rows = (POWER * spread / (REGRESSION * lead)).powi(2).ceil().max(12.0);
        self.planned.0.min(2 * rows as u64)
    }

    /// Characters of all that a candidate says.
    fn length(&self, node: usize) -> usize {
        let value = |value: &SlotValue| match value {
            SlotValue::Prompt(text) => text.len(),
            SlotValue::Demos(demos) => demos.iter().map(|demo| demo.input.len() + demo.output.len()).sum(),
            _ => 0,
        };
        self.pool[node].candidate.slots.values().map(value).sum()
    }

    /// Whether a reward leaves something to be wished for.
    pub(super) fn is_short(&self, reward: f64) -> bool {
        self.lab.board.range().is_none_or(|(low, high)| reward < high || (low == high && reward < 1.0))
    }

    /// Whether the champion has a reward of 1 on all rows, and nobody ever had more.
    pub(super) fn is_perfect(&self) -> bool {
        let rewards = self.rewards(&self.pool[self.champion()].candidate);
        let full = rewards.iter().all(|reward| *reward == Some(1.0));
        full && self.lab.board.range().is_some_and(|(_, high)| high <= 1.0)
    }

    /// Whether nobody was ever told apart.
    pub(in super::super) fn is_constant(&self) -> bool {
        self.lab.board.range().is_none_or(|(low, high)| low == high)
    }
}
