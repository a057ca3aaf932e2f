//! The random choices of one proposal: each a hash of the seed, its purpose and the proposal's number.

use crate::seed;

/// Draws for one proposal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dice {
    seed: u64,
    number: u64,
}

impl Dice {
    pub(super) fn new(seed: u64, number: u64) -> Self {
        Self { seed, number }
    }

    /// A number in [0, 1).
    pub(super) fn unit(self, purpose: &str) -> f64 {
        seed::unit(self.seed, purpose, [&self.number.to_le_bytes()[..]])
    }

    /// A number below `n`; 0 where `n` is 0.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a short list"
    )]
    pub(super) fn below(self, purpose: &str, n: usize) -> usize {
        ((self.unit(purpose) * n as f64) as usize).min(n.saturating_sub(1))
    }

    /// One of `items`.
    pub(super) fn pick<'a, T>(self, purpose: &str, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(purpose, items.len()))
    }

    /// `items` in random order.
    pub(super) fn shuffled<T>(self, purpose: &str, items: Vec<T>) -> Vec<T> {
        let key = |at: usize| {
            seed::draw(self.seed, purpose, [&self.number.to_le_bytes()[..], &(at as u64).to_le_bytes()])
        };
        let mut keyed: Vec<_> = items.into_iter().enumerate().map(|(at, item)| (key(at), item)).collect();
        keyed.sort_by_key(|(key, _)| *key);
        keyed.into_iter().map(|(_, item)| item).collect()
    }
}
