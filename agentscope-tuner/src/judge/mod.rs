//! Judges: how good a response is.

mod entry;
mod reward;

pub use entry::{Judge, JudgeEntry, Judged};
pub use reward::{JudgeReturn, JudgeValue, Reward};
