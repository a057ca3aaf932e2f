//! One optimiser step: any number of micro-batches forward and backward, then one update.
//!
//! ```text
//! accumulate(batch, loss) ─┐
//! accumulate(batch, loss) ─┼─▶ Gradients ─ step(rate) ─▶ parameters, or adapters, changed in place
//! ```
//!
//! Losses divide by the size of the whole batch, so how it was cut makes no difference beyond rounding.

mod learn;
#[cfg(test)]
mod tests;
mod training;

pub use learn::{Example, PolicyReport, PolicyUpdate, Preference, PreferenceReport, SupervisedReport};
pub use training::Training;

use std::path::Path;

use dfdx::{
    shapes::Rank0,
    tensor::{Gradients, NoneTape, OwnedTape, SplitTape, Tensor, Trace},
    tensor_ops::Backward,
};

use crate::{
    config::PolicyConfig,
    error::{Error, ErrorKind, Result},
    optimizer::{AdamW, AdamWSettings, StepReport, UpdateKernels},
    params::{Param, Params},
    tape::{Batch, ForwardSettings, LogProbs, Lora, Targets, forward, log_probs},
};

/// Log-probabilities and entropies whose tape leads back to the parameters.
pub type TapedLogProbs<D> = LogProbs<D, OwnedTape<f32, D>>;

/// A loss with that tape.
pub type TapedLoss<D> = Tensor<Rank0, f32, D, OwnedTape<f32, D>>;

/// How a trainer computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainerSettings {
    /// The temperature that tokens are sampled with: log-probabilities are those of logits ÷ temperature.
    pub temperature: f32,
    /// Logits up to so many bytes are kept for the backward pass, more are computed twice.
    pub logits_bytes: usize,
    /// What the forward pass keeps.
    pub forward: ForwardSettings,
    /// The optimiser.
    pub optimizer: AdamWSettings,
}

impl Default for TrainerSettings {
    fn default() -> Self {
        let (forward, optimizer) = (ForwardSettings::default(), AdamWSettings::default());
        Self { temperature: 1.0, logits_bytes: 1 << 30, forward, optimizer }
    }
}

/// A model, or the adapters on it, in training.
#[derive(Debug)]
pub struct Trainer<D: UpdateKernels> {
    config: PolicyConfig,
    params: Params<D>,
    lora: Option<Lora<D>>,
    /// What a divergence refers to, unless it is the model without its adapters.
    reference: Option<Params<D>>,
    settings: TrainerSettings,
    optimizer: AdamW<D>,
    /// Of the micro-batches since the last step.
    grads: Gradients<f32, D>,
}

impl<D: UpdateKernels> Trainer<D> {
    /// A trainer of all parameters that are marked trainable or, where there are adapters, of the adapters alone: the
    /// parameters beneath are then frozen.
    ///
    /// # Errors
    /// When a setting is out of range, or there is nothing to train.
    pub fn new(
        config: PolicyConfig,
        mut params: Params<D>,
        lora: Option<Lora<D>>,
        settings: TrainerSettings,
    ) -> Result<Self> {
        if lora.is_some() {
            params.iter_mut().for_each(|param| param.trainable = false);
        }
        let optimizer = AdamW::new(settings.optimizer)?;
        let grads = Gradients::leaky();
        let trainer = Self { config, params, lora, reference: None, settings, optimizer, grads };
        let trains = trainer.trained().any(|param| param.trainable);
        match trains {
            true => Ok(trainer),
            false => Err(Error::new(
                ErrorKind::Config,
                "all parameters are frozen; mark some as trainable or put adapters on the model",
            )),
        }
    }

    /// The shape of the model.
    pub fn config(&self) -> &PolicyConfig {
        &self.config
    }

    /// The parameters.
    pub fn params(&self) -> &Params<D> {
        &self.params
    }

    /// The adapters.
    pub fn lora(&self) -> Option<&Lora<D>> {
        self.lora.as_ref()
    }

    /// The optimiser, to save its state.
    pub fn optimizer(&self) -> &AdamW<D> {
        &self.optimizer
    }

    /// Takes the optimiser's state from a file, to go on where a run of the same parameters stopped.
    ///
    /// # Errors
    /// When the file cannot be read or does not fit.
    pub fn resume(&mut self, optimizer_state: impl AsRef<Path>) -> Result<()> {
        self.optimizer = AdamW::load(optimizer_state, self.settings.optimizer, self.trained())?;
        Ok(())
    }

    /// Log-probabilities of targets and entropies of their rows, without a tape.
    ///
    /// # Errors
    /// When a token or row does not exist, or the device has no memory left.
    pub fn evaluate(&self, batch: &Batch, targets: &Targets) -> Result<[Vec<f32>; 2]> {
        self.values(&self.params, self.lora.as_ref(), batch, targets)
    }

    /// The same under the reference policy, what a divergence refers to: the one that was [set](Self::refer_to), or the model
    /// without its adapters.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate); and when the whole model is trained and no reference was set.
    pub fn evaluate_reference(&self, batch: &Batch, targets: &Targets) -> Result<[Vec<f32>; 2]> {
        match (&self.reference, &self.lora) {
            (Some(reference), _) => self.values(reference, None, batch, targets),
            (None, Some(_)) => self.values(&self.params, None, batch, targets),
            (None, None) => Err(Error::new(
                ErrorKind::Config,
                "the whole model is trained, so there is nothing left to refer to; set a reference, or train adapters",
            )),
        }
    }

    /// Sets the reference policy: the model as it was, where all of it is trained.
    pub fn refer_to(&mut self, reference: Params<D>) {
        self.reference = Some(reference);
    }

    /// Runs a micro-batch forward, `loss` on its log-probabilities, and all of it backward; gradients are added to those of
    /// earlier micro-batches.
    ///
    /// # Errors
    /// When a token or row does not exist, `loss` fails, or the device has no memory left. Gradients so far are then dropped.
    pub fn accumulate<S>(
        &mut self,
        batch: &Batch,
        targets: &Targets,
        loss: impl FnOnce(TapedLogProbs<D>) -> Result<(TapedLoss<D>, S)>,
    ) -> Result<S> {
        let device = self.params.embedding.var.device();
        // dfdx starts a tape that adds to gradients only from a tensor.
        let none: Tensor<Rank0, f32, D> = device.try_zeros().map_err(Into::into)?;
        let grads = std::mem::replace(&mut self.grads, Gradients::leaky());
        let (_, tape) = none.traced(grads).split_tape();
        let Self { config, params, lora, settings, .. } = self;
        let hidden = forward(config, params, lora.as_ref(), batch, tape, settings.forward)?;
        let projection = params.output_projection();
        let outputs = log_probs(hidden, projection, targets, settings.temperature, settings.logits_bytes)?;
        let (loss, report) = loss(outputs)?;
        self.grads = loss.try_backward().map_err(Into::into)?;
        Ok(report)
    }

    /// Updates what is trained with the gradients accumulated so far, and drops these.
    ///
    /// # Errors
    /// When the rate is not a number of 0 or more, or the device fails.
    pub fn step(&mut self, learning_rate: f64) -> Result<StepReport> {
        let mut grads = std::mem::replace(&mut self.grads, Gradients::leaky());
        let Self { params, lora, optimizer, .. } = self;
        match lora {
            Some(lora) => optimizer.step(lora.iter_mut(), &mut grads, learning_rate),
            None => optimizer.step(params.iter_mut(), &mut grads, learning_rate),
        }
    }

    fn trained(&self) -> Box<dyn Iterator<Item = &Param<D>> + '_> {
        match &self.lora {
            Some(lora) => Box::new(lora.iter()),
            None => Box::new(self.params.iter()),
        }
    }

    fn values(
        &self,
        params: &Params<D>,
        lora: Option<&Lora<D>>,
        batch: &Batch,
        targets: &Targets,
    ) -> Result<[Vec<f32>; 2]> {
        let Self { config, settings, .. } = self;
        let hidden = forward(config, params, lora, batch, NoneTape, settings.forward)?;
        let projection = params.output_projection();
        let outputs = log_probs(hidden, projection, targets, settings.temperature, settings.logits_bytes)?;
        Ok([outputs.log_probs.as_vec(), outputs.entropies.as_vec()])
    }
}
