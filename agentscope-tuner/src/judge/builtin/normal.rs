//! What two texts may differ in and still count as the same.

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

/// Differences that a comparison of texts does not see.
///
/// ```
/// use agentscope_tuner::judge::builtin::Ignore;
/// assert_eq!(Ignore::SQUAD.apply("The  Eiffel Tower!"), "eiffel tower");
/// assert_eq!(Ignore::default().apply(" The  Eiffel Tower!\n"), "The Eiffel Tower!");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Ignore {
    /// Upper and lower case.
    pub case: bool,
    /// The 32 punctuation characters of ASCII; they vanish, so `don't` is `dont`.
    pub punctuation: bool,
    /// The English articles `a`, `an` and `the`, in any case.
    pub articles: bool,
    /// White space at the ends, and how much of it stands between words.
    pub whitespace: bool,
}

impl Ignore {
    /// Nothing: every character counts.
    pub const NOTHING: Self = Self { case: false, punctuation: false, articles: false, whitespace: false };

    /// All four, as the evaluation script of SQuAD (Rajpurkar et al. 2016).
    pub const SQUAD: Self = Self { case: true, punctuation: true, articles: true, whitespace: true };

    /// `text` without what is ignored, in the order of SQuAD's script: case, punctuation, articles, white space.
    pub fn apply(&self, text: &str) -> String {
        static ARTICLE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?i)\b(?:a|an|the)\b").ok());
        let mut text = if self.case { text.to_lowercase() } else { text.to_owned() };
        if self.punctuation {
            text.retain(|letter| !letter.is_ascii_punctuation());
        }
        if self.articles
            && let Some(article) = &*ARTICLE
        {
            text = article.replace_all(&text, " ").into_owned();
        }
        if self.whitespace {
            text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        text
    }
}

impl Default for Ignore {
    /// White space alone: a line break at the end says nothing about an answer.
    fn default() -> Self {
        Self { whitespace: true, ..Self::NOTHING }
    }
}
