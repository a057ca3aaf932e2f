//! What may still be spent: asked before each batch, so that none is begun that the budget would cut.

use crate::{model::Usd, rollout::Allowance, workflow::Spent};

/// The budget as the strategy sees it. It counts every call as if it had been paid, whether it was or came from the cache, so
/// that a resumed run decides as an uninterrupted one; the engine's own budget, which pays once, is never below it.
#[derive(Clone, Debug)]
pub(super) struct Purse {
    allowance: Allowance,
    /// Most rollouts and questions.
    most: Batch,
    done: Batch,
    spent: Spent,
    /// The most that one rollout and one question have used so far.
    dearest: (Spent, Spent),
}

/// What a batch consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) rollouts: u64,
    pub(super) questions: u64,
}

impl Purse {
    pub(super) fn new(allowance: Allowance, most: Batch) -> Self {
        let one = Spent { calls: 1, ..Spent::default() };
        Self { allowance, most, done: Batch::default(), spent: Spent::default(), dearest: (one, one) }
    }

    pub(super) fn pay_rollout(&mut self, spent: Spent) {
        self.done.rollouts += 1;
        self.spent += spent;
        self.dearest.0 = larger(self.dearest.0, spent);
    }

    /// Learns from a rollout of another run what one can use.
    pub(super) fn expect_rollout(&mut self, spent: Spent) {
        self.dearest.0 = larger(self.dearest.0, spent);
    }

    pub(super) fn pay_question(&mut self, spent: Spent) {
        self.done.questions += 1;
        self.spent += spent;
        self.dearest.1 = larger(self.dearest.1, spent);
    }

    /// Whether `batch` fits when each part of it is as dear as the dearest so far.
    pub(super) fn affords(&self, batch: Batch) -> bool {
        let mut then = self.spent;
        then += times(self.dearest.0, batch.rollouts);
        then += times(self.dearest.1, batch.questions);
        let Allowance { calls, tokens, usd } = self.allowance;
        let fits = |limit: Option<u64>, then: u64| limit.is_none_or(|limit| then <= limit);
        self.done.rollouts + batch.rollouts <= self.most.rollouts
            && self.done.questions + batch.questions <= self.most.questions
            && fits(calls, then.calls)
            && fits(tokens, then.usage.total())
            && fits(usd.map(Usd::picodollars), then.usd.picodollars())
    }

    /// How many rollouts the whole budget would pay for, if nothing else were done.
    pub(super) fn size(&self) -> u64 {
        self.done.rollouts + self.rollouts_left()
    }

    /// How many more rollouts fit, if nothing else is done.
    pub(super) fn rollouts_left(&self) -> u64 {
        let (mut low, mut high) = (0, self.most.rollouts.saturating_sub(self.done.rollouts));
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            let fits = self.affords(Batch { rollouts: middle, questions: 0 });
            (low, high) = if fits { (middle, high) } else { (low, middle - 1) };
        }
        low
    }
}

fn larger(one: Spent, other: Spent) -> Spent {
    let mut most = one;
    most.calls = one.calls.max(other.calls);
    most.usage.input_tokens = one.usage.input_tokens.max(other.usage.input_tokens);
    most.usage.output_tokens = one.usage.output_tokens.max(other.usage.output_tokens);
    most.usd = one.usd.max(other.usd);
    most
}

fn times(spent: Spent, n: u64) -> Spent {
    let mut all = spent;
    all.calls = spent.calls.saturating_mul(n);
    all.usage.input_tokens = spent.usage.input_tokens.saturating_mul(n);
    all.usage.output_tokens = spent.usage.output_tokens.saturating_mul(n);
    all.usd = Usd::from_picodollars(spent.usd.picodollars().saturating_mul(n));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(calls: u64) -> Spent {
        Spent { calls, ..Spent::default() }
    }

    fn rollouts(rollouts: u64) -> Batch {
        Batch { rollouts, questions: 0 }
    }

    #[test]
    fn a_batch_is_counted_at_the_dearest_so_far() {
        let mut purse = Purse::new(
            Allowance { calls: Some(20), ..Allowance::default() },
            Batch { rollouts: 100, questions: 9 },
        );
        assert!(purse.affords(rollouts(20)) && !purse.affords(rollouts(21)));
        purse.pay_rollout(calls(3));
        purse.pay_rollout(calls(2));
        // 15 are left: five of three calls, or four and three questions.
        assert!(purse.affords(rollouts(5)) && !purse.affords(rollouts(6)));
        assert!(purse.affords(Batch { rollouts: 4, questions: 3 }));
        assert!(!purse.affords(Batch { rollouts: 4, questions: 4 }));
        assert_eq!(purse.rollouts_left(), 5);
    }

    #[test]
    fn rollouts_have_a_bound_of_their_own() {
        let mut purse = Purse::new(Allowance::default(), rollouts(3));
        purse.pay_rollout(calls(9));
        assert_eq!(purse.rollouts_left(), 2);
    }
}
