//! Trains the weights of the embedded model behind a workflow by reinforcement learning: the verb `weights`.
//!
//! ```text
//! rows ─ groups of rollouts (the ordinary engine) ─ rewards, exact tokens ─ advantages ─ optimiser step ─┐
//!   ▲                                                                     weights swapped in place ◀─────┘
//!   └── every few steps: held-out rows, the best checkpoint kept
//! ```
//!
//! A step's rollouts are those of a [versioned](crate::candidate::SlotValue::Model) candidate, so the journal knows them:
//! a run that was killed goes on from its last checkpoint, finds the rollouts since then in the journal, and comes to the
//! same weights to the bit.

mod ahead;
mod alarm;
mod capture;
mod checkpoint;
mod course;
mod draw;
mod files;
mod groups;
mod held_out;
mod learner;
mod lesson;
mod sampler;
mod settings;
mod state;
mod step;
mod trace;
mod verdict;
mod warm_start;

use agentscope_tuner_policy as policy;
use futures_util::future::BoxFuture;
pub use sampler::Sampler;
pub use settings::{Objective, Truncated, WarmStart, WeightsTuning};
pub use trace::Trace;

use super::{Inputs, Outcome, Strategy};
use crate::{
    error::{Error, ErrorKind, Result},
    model::Model,
    rollout::{ModelTable, PricedModel},
};

impl Strategy for WeightsTuning {
    fn name(&self) -> &'static str {
        "weights"
    }

    fn learns(&self) -> bool {
        true
    }

    fn models(&self) -> Vec<String> {
        self.sampler.iter().map(|sampler| sampler.model.clone()).collect()
    }

    fn adapt(&self, models: ModelTable) -> Result<ModelTable> {
        let Some(sampler) = &self.sampler else { return Ok(models) };
        let own = models.get(&self.model)?;
        let sampling = sampler.served.sampling().clone().or(own.model.sampling());
        let known = models.get(&sampler.model).ok();
        let sampled = PricedModel {
            model: Model::new(sampler.served.clone()).with_sampling(sampling),
            price: known.and_then(|known| known.price),
            max_output_tokens: known.and_then(|known| known.max_output_tokens).or(own.max_output_tokens),
        };
        Ok(models.with(&self.model, sampled))
    }

    fn run<'a>(&'a self, inputs: Inputs<'a>) -> BoxFuture<'a, Result<Outcome>> {
        Box::pin(async move {
            self.check(&inputs)?;
            course::Course::begin(self, inputs).await?.run().await
        })
    }
}

/// A failure of the policy, as this crate says it.
fn failed(doing: &str, error: policy::Error) -> Error {
    let kind = match error.kind() {
        policy::ErrorKind::Config | policy::ErrorKind::Weights | policy::ErrorKind::Tokenizer => {
            ErrorKind::Config
        }
        policy::ErrorKind::Io => ErrorKind::Io,
        _ => ErrorKind::Other,
    };
    Error::new(kind, format!("cannot {doing}")).with_source(error)
}
