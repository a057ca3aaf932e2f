//! Overlap of words.

use super::{Ignore, counts::Counts, feedback::quoted};
use crate::judge::Reward;

/// Token F1 as in SQuAD: the harmonic mean of precision and recall over the multisets of normalised words.
///
/// Both texts are [normalised](Ignore::SQUAD) and split at white space. Where either is then empty, the value is 1 if
/// both are, else 0 (evaluation script v2.0; v1.1 gives 0 in both cases). Metrics: `precision`, `recall`.
///
/// ```
/// use agentscope_tuner::judge::builtin::token_f1;
/// let reward = token_f1("the cat is on the mat", "The cat sat on the mat.");
/// assert_eq!(reward.value, 0.75);
/// ```
pub fn token_f1(answer: &str, reference: &str) -> Reward {
    let (answer_text, reference_text) = (Ignore::SQUAD.apply(answer), Ignore::SQUAD.apply(reference));
    let score = if answer_text.is_empty() || reference_text.is_empty() {
        let same = f64::from(u8::from(answer_text == reference_text));
        Overlap { precision: same, recall: same }
    } else {
        let answer = Counts::of(answer_text.split(' '));
        let reference = Counts::of(reference_text.split(' '));
        Overlap::new(answer.common(&reference), answer.total(), reference.total())
    };
    score.reward(answer, reference)
}

/// How much of two texts is common to them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Overlap {
    pub(super) precision: f64,
    pub(super) recall: f64,
}

impl Overlap {
    /// Of `common` units out of those of the answer and of the reference.
    #[expect(clippy::cast_precision_loss, reason = "texts are far shorter than 2⁵³ words")]
    pub(super) fn new(common: usize, answer: usize, reference: usize) -> Self {
        let share = |all: usize| common as f64 / all.max(1) as f64;
        Self { precision: share(answer), recall: share(reference) }
    }

    /// Harmonic mean of both; 0 where both are 0.
    pub(super) fn f1(&self) -> f64 {
        let sum = self.precision + self.recall;
        if sum > 0.0 { 2.0 * self.precision * self.recall / sum } else { 0.0 }
    }

    pub(super) fn reward(&self, answer: &str, reference: &str) -> Reward {
        let value = self.f1();
        let reward = Reward::new(value).metric("precision", self.precision).metric("recall", self.recall);
        if value >= 1.0 {
            return reward;
        }
        reward.feedback(format!(
            "the answer {} shares {:.0} % of its words with the reference {} and covers {:.0} % of it",
            quoted(answer),
            100.0 * self.precision,
            quoted(reference),
            100.0 * self.recall
        ))
    }
}
