//! Judges: how good a response is.

pub mod builtin;
pub mod configured;
mod entry;
mod fit;
mod jury;
mod returned;
mod reward;

pub use entry::{Judge, JudgeEntry, Judged};
pub use fit::{IsResponseOf, IsTaskOf};
pub use jury::{Jury, JuryMember};
pub use returned::{JudgeReturn, JudgeValue, Rewards};
pub use reward::Reward;
