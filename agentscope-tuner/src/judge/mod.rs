//! Judges: how good a response is.

pub mod builtin;
pub mod configured;
mod entry;
mod jury;
mod reward;

pub use entry::{Judge, JudgeEntry, Judged};
pub use jury::{Jury, JuryMember};
pub use reward::{JudgeReturn, JudgeValue, Reward};
