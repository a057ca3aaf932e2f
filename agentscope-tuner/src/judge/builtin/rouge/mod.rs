//! ROUGE (Lin 2004), as the package rouge-score computes it.

mod lcs;
mod porter;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use self::{
    lcs::{common_length, summary_hits},
    porter::stem,
};
use super::{counts::Counts, f1::Overlap};
use crate::judge::Reward;

/// How ROUGE is computed. The default is ROUGE-L with stems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Rouge {
    /// What is counted.
    pub variant: RougeVariant,
    /// Whether words of more than three letters are cut to their stems, by Porter's algorithm with the extensions of
    /// NLTK, which rouge-score uses. For English.
    pub stem: bool,
}

/// What ROUGE counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RougeVariant {
    /// Common words.
    #[serde(rename = "1")]
    One,
    /// Common pairs of neighbouring words.
    #[serde(rename = "2")]
    Two,
    /// Words of the longest common subsequence.
    #[default]
    L,
    /// For each line of the reference the words of its longest common subsequences with all lines of the answer, none
    /// counted twice; a line is a sentence.
    Lsum,
}

impl Default for Rouge {
    fn default() -> Self {
        Self { variant: RougeVariant::L, stem: true }
    }
}

/// The F measure of ROUGE, in [0, 1]; 0 where either text has no word of ASCII letters and digits.
///
/// Metrics: `precision`, `recall`.
///
/// ```
/// use agentscope_tuner::judge::builtin::{Rouge, rouge};
/// let reward = rouge("the cat is on the mat", "The cat sat on the mat.", &Rouge::default());
/// assert!((reward.value - 5.0 / 6.0).abs() < 1e-12);
/// ```
pub fn rouge(answer: &str, reference: &str, options: &Rouge) -> Reward {
    options.overlap(answer, reference).reward(answer, reference)
}

impl Rouge {
    fn overlap(&self, answer: &str, reference: &str) -> Overlap {
        match self.variant {
            RougeVariant::One => self.grams(1, answer, reference),
            RougeVariant::Two => self.grams(2, answer, reference),
            RougeVariant::L => {
                let (answer, reference) = (self.tokens(answer), self.tokens(reference));
                Overlap::new(common_length(&reference, &answer), answer.len(), reference.len())
            }
            RougeVariant::Lsum => {
                let lines = |text: &str| text.split('\n').map(|line| self.tokens(line)).collect::<Vec<_>>();
                let (answer, reference) = (lines(answer), lines(reference));
                let words = |lines: &[Vec<String>]| lines.iter().map(Vec::len).sum();
                Overlap::new(summary_hits(&reference, &answer), words(&answer), words(&reference))
            }
        }
    }

    fn grams(&self, order: usize, answer: &str, reference: &str) -> Overlap {
        let (answer, reference) = (self.tokens(answer), self.tokens(reference));
        let (answer, reference) = (Counts::of(answer.windows(order)), Counts::of(reference.windows(order)));
        Overlap::new(answer.common(&reference), answer.total(), reference.total())
    }

    fn tokens(&self, text: &str) -> Vec<String> {
        let text = text.to_lowercase();
        let words =
            text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let stemmed = |word| if self.stem { stem(word) } else { Cow::Borrowed(word) };
        words.map(|word| stemmed(word).into_owned()).collect()
    }
}

#[cfg(test)]
mod tests;
