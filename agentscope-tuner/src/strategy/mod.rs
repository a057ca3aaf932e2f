//! Strategies: propose candidates, ask the engine, decide.

mod evaluation;
mod inputs;
mod measure;
mod outcome;
pub mod prompt;
mod scores;
pub mod selection;
pub mod statistics;
#[cfg(feature = "embedded")]
pub mod weights;

pub use evaluation::Evaluation;
pub use inputs::{Inputs, Monitor, Silent};
pub use outcome::{Comparison, Counts, Departed, Latency, Outcome, Part, Reason, Summary, Verdict, Weighing};
pub use prompt::PromptTuning;
pub use selection::ModelSelection;
#[cfg(feature = "embedded")]
pub use weights::WeightsTuning;

use futures_util::future::BoxFuture;

use crate::{error::Result, rollout::ModelTable};

/// A way to find a good candidate.
pub trait Strategy: Send + Sync {
    /// Name of the verb and of its table in `tuner.toml`.
    fn name(&self) -> &'static str;

    /// Whether it needs [`Inputs::train`].
    fn learns(&self) -> bool {
        false
    }

    /// Models that it calls itself, by their names in the configuration.
    fn models(&self) -> Vec<String> {
        Vec::new()
    }

    /// The models of the run as this strategy has them answered; as they are unless it says otherwise.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::error::ErrorKind::Config) when one that it needs is not there.
    fn adapt(&self, models: ModelTable) -> Result<ModelTable> {
        Ok(models)
    }

    /// Proposes, asks the engine, decides.
    ///
    /// # Errors
    /// Where no result at all is possible. A run that was stopped early has an [`Outcome`] that says so.
    fn run<'a>(&'a self, inputs: Inputs<'a>) -> BoxFuture<'a, Result<Outcome>>;
}

/// A share as a percentage without needless digits: 0.95 is `95`, 0.999 is `99.9`.
pub(crate) fn percent(share: f64) -> String {
    format!("{}", (share * 1e4).round() / 1e2)
}
