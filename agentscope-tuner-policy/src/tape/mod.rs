//! The training pass: the model forward over a packed batch, on dfdx's tape, as a few large operations of our own.
//!
//! ```text
//! Batch ─ forward ─▶ hidden states ─ log_probs ─▶ dfdx tensors ─ a loss ─ backward() ─▶ Gradients
//! ```
//!
//! An operation takes the tape off its input, computes its output, notes on the tape how gradients flow back, and puts
//! the tape on the output. Without a tape ([`NoneTape`](dfdx::tensor::NoneTape)) the same code only computes. The
//! gradient of a parameter is read with [`gradient`].

mod attention;
mod batch;
mod block;
mod embedding;
mod head;
mod linear;
mod lora;
mod model;
mod norm;
mod recompute;
mod score;
mod slot;
mod swiglu;
#[cfg(test)]
mod tests;

pub use batch::{Batch, Targets};
pub use head::{LogProbs, log_probs, logits};
pub use lora::{Adapter, LayerAdapters, Lora};
pub use model::{ForwardSettings, forward};
pub use score::score;
pub use slot::gradient;

pub use crate::kernels::train::Kernels;

use crate::var::Var;
use dfdx::tensor::HasErr;

/// What an operation gives: a value with its tape, or the device's refusal.
type Step<D, T> = Result<Var<D, T>, <D as HasErr>::Err>;

impl<D: Kernels> Var<D> {
    /// Leaves the memory to later operations when nobody else holds the numbers.
    fn recycle(self) {
        let device = self.device().clone();
        if let Some(value) = self.try_into_value() {
            device.recycle(value);
        }
    }
}
