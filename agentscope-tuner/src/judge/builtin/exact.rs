//! Exact match.

use super::{Ignore, feedback::verdict};
use crate::judge::Reward;

/// 1 when `answer` is `reference` but for what is ignored, else 0.
///
/// With [`Ignore::SQUAD`] it is SQuAD's exact match (Rajpurkar et al. 2016).
///
/// ```
/// use agentscope_tuner::judge::builtin::{Ignore, exact};
/// assert_eq!(exact("The Eiffel Tower.", "eiffel tower", &Ignore::SQUAD).value, 1.0);
/// assert_eq!(exact("The Eiffel Tower.", "eiffel tower", &Ignore::default()).value, 0.0);
/// ```
pub fn exact(answer: &str, reference: &str, ignore: &Ignore) -> Reward {
    verdict(ignore.apply(answer) == ignore.apply(reference), answer, reference)
}

/// 1 when `reference` appears in `answer` but for what is ignored, else 0; an empty reference appears nowhere.
///
/// Words are whole: `art` does not appear in `party`.
pub fn contains(answer: &str, reference: &str, ignore: &Ignore) -> Reward {
    let (answer_text, wanted) = (ignore.apply(answer), ignore.apply(reference));
    let found = !wanted.is_empty()
        && answer_text.match_indices(&wanted).any(|(start, found)| {
            let before = answer_text[..start].chars().next_back();
            let after = answer_text[start + found.len()..].chars().next();
            let inside = |outer: Option<char>, own: Option<char>| {
                outer.is_some_and(char::is_alphanumeric) && own.is_some_and(char::is_alphanumeric)
            };
            !inside(before, found.chars().next()) && !inside(after, found.chars().next_back())
        });
    verdict(found, answer, reference)
}
