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

use super::Trainer;
use crate::optimizer::UpdateKernels;

impl<D: UpdateKernels> Trainer<D> {
    /// A prompt is read once wherever the model's attention allows it.
    fn cut(&self, budget: usize) -> micro::Cut {
        micro::Cut { budget, shares: self.config.sliding_window.is_none() }
    }
}
