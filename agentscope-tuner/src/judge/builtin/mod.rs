//! Judges that most tasks need, as plain functions to be called inside a `#[judge]`.
//!
//! ```
//! use agentscope_tuner::{judge, judge::{Reward, builtin::{Tolerance, numeric}}, message::Msg, Result};
//! use serde_json::Value;
//!
//! /// Whether the reply ends on the right number.
//! #[judge]
//! async fn right(task: &Value, reply: &Msg) -> Result<Reward> {
//!     numeric(&reply.text(), task["answer"].as_str().unwrap_or_default(), &Tolerance::default())
//! }
//! ```
//!
//! | function | value |
//! |---|---|
//! | [`exact`], [`contains`] | whether the answer is, or contains, the reference, but for [what is ignored](Ignore) |
//! | [`numeric`] | whether the [last number](last_number) is right within a [`Tolerance`] |
//! | [`choice`] | whether the [letter chosen](chosen_letter) is right |
//! | [`matches()`] | whether a regular expression matches |
//! | [`Schema::judge`] | whether the answer is JSON that fits a schema |
//! | [`token_f1`] | F1 over words, as SQuAD |
//! | [`bleu`] | BLEU, as sacrebleu; [`Bleu::corpus`] for a corpus |
//! | [`rouge`] | ROUGE-1, -2, -L and -Lsum, as rouge-score |
//! | [`edit_similarity`] | 1 − normalised Levenshtein distance |
//! | [`time`], [`tokens`], [`cost`] | what the response took, negative: less is better |
//! | [`rubric`] | a model's score by a rubric |
//! | [`pairwise`] | a model's comparison with another answer |
//! | [`relative`] | a model's scores of all answers to one task at once |
//!
//! [`Weighted`] makes one reward of several, [`best`] takes the best of several references. Rewards lie in [0, 1] but
//! for those of [`time`], [`tokens`] and [`cost`] without an upper end. Feedback says what would have been right.

mod best;
mod bleu;
mod choice;
mod counts;
mod edit;
mod exact;
mod extract;
mod f1;
mod feedback;
mod llm;
mod normal;
mod number;
mod numeric;
mod pattern;
mod rouge;
mod schema;
mod spending;
mod weighted;

pub use best::best;
pub use bleu::{Bleu, BleuScore, Smoothing, bleu};
pub use choice::{choice, chosen_letter};
pub use edit::edit_similarity;
pub use exact::{contains, exact};
pub use extract::{boxed, last_match};
pub use f1::token_f1;
pub use llm::{Relative, Rubric, pairwise, relative, rubric};
pub use normal::Ignore;
pub use number::{Number, last_number};
pub use numeric::{Tolerance, numeric};
pub use pattern::matches;
pub use rouge::{Rouge, RougeVariant, rouge};
pub use schema::Schema;
pub use spending::{cost, time, tokens};
pub use weighted::Weighted;

#[cfg(test)]
mod tests;
