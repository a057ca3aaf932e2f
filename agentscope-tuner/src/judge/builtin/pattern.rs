//! Regular expressions.

use regex::Regex;

use super::feedback::{quoted, wrong};
use crate::judge::Reward;

/// 1 when `pattern` matches somewhere in `answer`, else 0; anchor it with `^` and `$` to match all of it.
///
/// Syntax and linear running time are those of the `regex` crate: no look-around, no back-references.
pub fn matches(answer: &str, pattern: &Regex) -> Reward {
    if pattern.is_match(answer) {
        return Reward::new(1.0);
    }
    wrong(format!("the answer {} does not match the pattern `{pattern}`", quoted(answer)))
}
