//! Words for the prompt optimiser.

use crate::judge::Reward;

/// Most characters of an answer that feedback repeats.
const MOST: usize = 200;

/// 1, or 0 with what was expected and what came.
pub(super) fn verdict(right: bool, answer: &str, reference: &str) -> Reward {
    let reward = Reward::from(right);
    if right {
        return reward;
    }
    reward.feedback(format!("expected {}, but the answer was {}", quoted(reference), quoted(answer)))
}

/// 0 with a reason.
pub(super) fn wrong(why: impl Into<String>) -> Reward {
    Reward::new(0.0).feedback(why)
}

/// `text` in quotation marks; of a long one the end, where answers stand.
pub(super) fn quoted(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth_back(MOST - 1) {
        Some((start, _)) if start > 0 => format!("\"…{}\"", &text[start..]),
        _ => format!("\"{text}\""),
    }
}
