//! What a batch of rollouts teaches: rows into micro-batches, their losses, the steps of the optimiser.
//!
//! ```text
//! rows ─ pack by tokens ─▶ micro-batches ─ accumulate ─▶ step
//! ```

mod micro;
mod policy;
mod preference;
mod supervised;
#[cfg(test)]
mod tests;

pub use policy::{Example, PolicyReport, PolicyUpdate};
pub use preference::{Preference, PreferenceReport};
pub use supervised::SupervisedReport;
