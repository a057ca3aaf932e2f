//! BLEU (Papineni et al. 2002), as sacrebleu (Post 2018) computes it.

mod score;
mod tokenizer;

pub use score::BleuScore;

use serde::{Deserialize, Serialize};

use self::{score::Statistics, tokenizer::tokenize};
use super::feedback::quoted;
use crate::judge::Reward;

/// How BLEU is computed. The default is sacrebleu's for a sentence: 13a tokens, case kept, `exp` smoothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Bleu {
    /// What stands in for a precision of 0.
    pub smoothing: Smoothing,
    /// Whether texts are lower-cased first.
    pub lowercase: bool,
}

/// What an n-gram order without a match counts (Chen and Cherry 2014).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Smoothing {
    /// Method 3, of NIST: the k-th such order counts 2⁻ᵏ matches.
    #[default]
    Exp,
    /// Nothing: one such order makes the score 0.
    None,
    /// Method 1: so many matches, above 0; sacrebleu's default is 0.1.
    Floor(f64),
    /// Method 2: so much, above 0, is added to matches and totals from bigrams on; sacrebleu's default is 1.
    AddK(f64),
}

impl Smoothing {
    /// What is wrong with its number, if anything is.
    pub fn fault(self) -> Option<String> {
        match self {
            Self::Floor(value) | Self::AddK(value) if !(value.is_finite() && value > 0.0) => {
                Some(format!("the smoothing is {value}, but must be a number above 0"))
            }
            _ => None,
        }
    }
}

/// Sentence BLEU of `answer` against one or more references, in [0, 1] (sacrebleu shows it times 100).
///
/// Orders that the answer is too short for are left out (sacrebleu's `effective_order`). Without references it is 0.
/// Metrics: `brevity-penalty`, `precision-1` to `precision-4`.
///
/// ```
/// use agentscope_tuner::judge::builtin::{Bleu, bleu};
/// let reward = bleu("the cat is on the mat", &["the cat is on the mat"], &Bleu::default());
/// assert!((reward.value - 1.0).abs() < 1e-12);
/// ```
pub fn bleu(answer: &str, references: &[impl AsRef<str>], options: &Bleu) -> Reward {
    let score = options.sentence(answer, references);
    let named = (1..).zip(score.precisions);
    let reward = named.fold(Reward::new(score.value), |reward, (order, precision)| {
        reward.metric(format!("precision-{order}"), precision)
    });
    let reward = reward.metric("brevity-penalty", score.brevity_penalty);
    match references.first() {
        Some(reference) if score.value < 1.0 - 1e-9 => {
            let (answer, reference) = (quoted(answer), quoted(reference.as_ref()));
            reward.feedback(format!("the answer {answer} differs from the reference {reference}"))
        }
        _ => reward,
    }
}

impl Bleu {
    /// BLEU of one answer, leaving out orders that it is too short for.
    pub fn sentence(&self, answer: &str, references: &[impl AsRef<str>]) -> BleuScore {
        self.statistics(answer, references).score(self.smoothing, true)
    }

    /// BLEU of a whole corpus: counts are added up before precisions are taken. It is not the mean of its sentences.
    pub fn corpus<'a, R: AsRef<str> + 'a>(
        &self,
        rows: impl IntoIterator<Item = (&'a str, &'a [R])>,
    ) -> BleuScore {
        let rows = rows.into_iter().map(|(answer, references)| self.statistics(answer, references));
        rows.fold(Statistics::default(), Statistics::plus).score(self.smoothing, false)
    }

    fn statistics(&self, answer: &str, references: &[impl AsRef<str>]) -> Statistics {
        let references: Vec<_> = references.iter().map(|text| self.tokens(text.as_ref())).collect();
        Statistics::of(&self.tokens(answer), &references)
    }

    fn tokens(&self, text: &str) -> Vec<String> {
        if self.lowercase { tokenize(&text.to_lowercase()) } else { tokenize(text) }
    }
}

#[cfg(test)]
mod tests;
