//! From n-gram counts to a score.

use super::Smoothing;
use crate::judge::builtin::counts::Counts;

/// Longest n-grams.
const ORDERS: usize = 4;

/// A BLEU score and what it is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BleuScore {
    /// In [0, 1]: brevity penalty times the geometric mean of the precisions.
    pub value: f64,
    /// Smoothed precisions of n-grams of 1 to 4 tokens, in [0, 1].
    pub precisions: [f64; ORDERS],
    /// In [0, 1]; exp(1 − r/c) where the answers (c tokens) are shorter than the references (r), else 1.
    pub brevity_penalty: f64,
    /// Tokens of the answers.
    pub answer_tokens: usize,
    /// Tokens of the references, for each answer of that nearest in length.
    pub reference_tokens: usize,
}

/// Counts that add up over a corpus.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Statistics {
    matches: [usize; ORDERS],
    totals: [usize; ORDERS],
    answer_tokens: usize,
    reference_tokens: usize,
}

impl Statistics {
    pub(super) fn of(answer: &[String], references: &[Vec<String>]) -> Self {
        let mut statistics = Self {
            answer_tokens: answer.len(),
            reference_tokens: nearest(answer.len(), references.iter().map(Vec::len)),
            ..Self::default()
        };
        for order in 1..=ORDERS {
            let grams = Counts::of(answer.windows(order));
            let wanted = references.iter().map(|reference| Counts::of(reference.windows(order)));
            statistics.totals[order - 1] = grams.total();
            statistics.matches[order - 1] =
                wanted.reduce(Counts::union).map_or(0, |wanted| grams.common(&wanted));
        }
        statistics
    }

    pub(super) fn plus(mut self, other: Self) -> Self {
        for order in 0..ORDERS {
            self.matches[order] += other.matches[order];
            self.totals[order] += other.totals[order];
        }
        self.answer_tokens += other.answer_tokens;
        self.reference_tokens += other.reference_tokens;
        self
    }

    /// `effective` takes the mean over the orders that the answer has n-grams of, not over all four.
    #[expect(clippy::cast_precision_loss, reason = "texts are far shorter than 2⁵³ words")]
    pub(super) fn score(&self, smoothing: Smoothing, effective: bool) -> BleuScore {
        let mut score = BleuScore {
            brevity_penalty: self.brevity_penalty(),
            answer_tokens: self.answer_tokens,
            reference_tokens: self.reference_tokens,
            ..BleuScore::default()
        };
        if self.matches == [0; ORDERS] {
            return score;
        }
        let (mut halved, mut orders) = (1.0, ORDERS);
        for order in 0..ORDERS {
            let added = match smoothing {
                Smoothing::AddK(k) if order > 0 => k,
                _ => 0.0,
            };
            let (matched, total) = (self.matches[order] as f64 + added, self.totals[order] as f64 + added);
            if total <= 0.0 {
                break;
            }
            if effective {
                orders = order + 1;
            }
            score.precisions[order] = match smoothing {
                _ if matched > 0.0 => matched / total,
                Smoothing::Exp => {
                    halved *= 2.0;
                    1.0 / (halved * total)
                }
                Smoothing::Floor(floor) => floor / total,
                _ => 0.0,
            };
        }
        let logs: f64 = score.precisions[..orders].iter().map(|precision| precision.ln()).sum();
        score.value = score.brevity_penalty * (logs / orders as f64).exp();
        score
    }

    #[expect(clippy::cast_precision_loss, reason = "texts are far shorter than 2⁵³ words")]
    fn brevity_penalty(&self) -> f64 {
        match (self.answer_tokens, self.reference_tokens) {
            (answer, reference) if answer >= reference => 1.0,
            (0, _) => 0.0,
            (answer, reference) => (1.0 - reference as f64 / answer as f64).exp(),
        }
    }
}

/// The length nearest to `length`, the shorter of two as near.
fn nearest(length: usize, lengths: impl Iterator<Item = usize>) -> usize {
    lengths.min_by_key(|other| (other.abs_diff(length), *other)).unwrap_or(0)
}
