//! Several references.

use crate::judge::Reward;

/// The reward against the best of several references, the first of equals; 0 where there are none.
///
/// ```
/// use agentscope_tuner::judge::builtin::{best, token_f1};
/// let reward = best(["Bonn", "Berlin"], |reference| token_f1("Berlin", reference));
/// assert_eq!(reward.value, 1.0);
/// ```
pub fn best<R>(references: impl IntoIterator<Item = R>, judge: impl Fn(R) -> Reward) -> Reward {
    let rewards = references.into_iter().map(judge);
    rewards
        .reduce(|best, next| if next.value > best.value { next } else { best })
        .unwrap_or_else(|| Reward::new(0.0).feedback("there is no reference to compare the answer with"))
}
