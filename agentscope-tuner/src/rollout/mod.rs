//! The rollout engine: candidates x tasks → records.
//!
//! It alone runs candidates. It owns concurrency, limits, the budget, the cache, the journal, and what happens
//! when something fails: a failed rollout is a record, not an abort.

mod bind;
mod blame;
mod budget;
mod call;
mod consult;
mod desk;
mod engine;
mod execute;
mod guard;
mod job;
mod judging;
mod models;
mod progress;
mod record;
pub(crate) mod remote;
mod session;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use bind::Binding;
pub use budget::Allowance;
pub use call::Answered;
pub use consult::Consulted;
pub use engine::{Engine, Options, Run, Setup};
pub use execute::RolloutLimits;
pub use job::{Job, Task};
pub use models::{ModelTable, PricedModel};
pub use progress::Progress;
pub use record::{CallRef, Record, Status};
pub use store::{Key, Store, StoredCall};
