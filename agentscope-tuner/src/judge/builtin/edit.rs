//! Edit distance.

use super::feedback::quoted;
use crate::judge::Reward;

/// 1 − d / max(|answer|, |reference|), where d is the Levenshtein distance and lengths are in Unicode scalar values; 1
/// where both are empty.
///
/// Metric: `edits`, which is d.
///
/// ```
/// use agentscope_tuner::judge::builtin::edit_similarity;
/// let reward = edit_similarity("kitten", "sitting");
/// assert_eq!(reward.metrics["edits"], 3.0);
/// assert!((reward.value - 4.0 / 7.0).abs() < 1e-12);
/// ```
#[expect(clippy::cast_precision_loss, reason = "texts are far shorter than 2⁵³ letters")]
pub fn edit_similarity(answer: &str, reference: &str) -> Reward {
    let edits = strsim::levenshtein(answer, reference) as f64;
    let longest = answer.chars().count().max(reference.chars().count()).max(1) as f64;
    let reward = Reward::new(1.0 - edits / longest).metric("edits", edits);
    if edits == 0.0 {
        return reward;
    }
    reward.feedback(format!("the answer {} is {edits} edits away from {}", quoted(answer), quoted(reference)))
}
