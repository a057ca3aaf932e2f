//! The optimiser: AdamW over the trainable matrices of a model or of its adapters, in place.

mod kernels;
mod settings;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use dfdx::tensor::Gradients;

pub use kernels::{AdamWUpdate, UpdateKernels};
pub use settings::{AdamWSettings, Decay, Schedule};

use crate::{
    device::Buffer,
    error::{Error, ErrorKind, Result},
    params::{Param, Piece},
    tape::gradient,
};

/// AdamW, with the moments of each parameter on its device.
#[derive(Debug)]
pub struct AdamW<D: UpdateKernels> {
    settings: AdamWSettings,
    steps: u64,
    /// By the names of the tensors in a parameter.
    moments: BTreeMap<String, Moments<D>>,
}

/// Running means of a parameter's gradient and of its square, in the parameter's layout.
#[derive(Debug)]
struct Moments<D: UpdateKernels> {
    pieces: Vec<Piece>,
    device: D,
    first: Buffer<D>,
    second: Buffer<D>,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Euclidean norm of the gradient before it was bounded.
    pub grad_norm: f64,
    /// The gradient was not finite: nothing was changed.
    pub skipped: bool,
    /// The gradient was scaled down.
    pub clipped: bool,
    /// The rate used.
    pub learning_rate: f64,
}

impl<D: UpdateKernels> AdamW<D> {
    /// An optimiser whose moments are 0.
    ///
    /// # Errors
    /// When a setting is out of range.
    pub fn new(settings: AdamWSettings) -> Result<Self> {
        settings.check()?;
        Ok(Self { settings, steps: 0, moments: BTreeMap::new() })
    }

    /// Steps taken; skipped ones don't count.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The settings.
    pub fn settings(&self) -> &AdamWSettings {
        &self.settings
    }

    /// Updates every trainable parameter that has a gradient, in place.
    ///
    /// A gradient that is not finite changes nothing and is reported. One that is 0 everywhere still lets old momentum act: a
    /// batch without a trained token is better not stepped on.
    ///
    /// # Errors
    /// When the rate is not a number of 0 or more, a parameter has no name or another size than its moments, or the
    /// device fails.
    pub fn step<'a>(
        &mut self,
        params: impl IntoIterator<Item = &'a mut Param<D>>,
        grads: &mut Gradients<f32, D>,
        learning_rate: f64,
    ) -> Result<StepReport> {
        if !(learning_rate >= 0.0 && learning_rate.is_finite()) {
            return Err(config(format!(
                "a learning rate of {learning_rate} is no rate; use a small positive number"
            )));
        }
        let mut params: Vec<_> = params.into_iter().filter(|param| param.trainable).collect();
        let mut squares = 0.0;
        for param in &params {
            if let Some(gradient) = gradient(grads, param) {
                squares += param.var.device().sum_of_squares(gradient)?;
            }
        }
        let grad_norm = squares.sqrt();
        let scale = match self.settings.max_grad_norm {
            // As torch bounds it.
            Some(most) => (most / (grad_norm + 1e-6)).min(1.0),
            None => 1.0,
        };
        let skipped = !grad_norm.is_finite();
        let report = StepReport { grad_norm, skipped, clipped: scale < 1.0, learning_rate };
        if skipped {
            return Ok(report);
        }
        self.steps += 1;
        for param in &mut params {
            self.update(param, grads, learning_rate, scale)?;
        }
        Ok(report)
    }

    fn update(
        &mut self,
        param: &mut Param<D>,
        grads: &mut Gradients<f32, D>,
        rate: f64,
        scale: f64,
    ) -> Result<()> {
        let Some(gradient) = gradient(grads, param) else { return Ok(()) };
        let moments = match self.moments.entry(key(param)?) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => entry.insert(Moments::zero(param)?),
        };
        let (beta1, beta2) = self.settings.betas;
        let correction = |beta: f64| 1.0 - beta.powf(self.steps as f64);
        let decay = if is_matrix(param) { self.settings.weight_decay } else { 0.0 };
        let update = AdamWUpdate {
            first_rate: (1.0 - beta1) as f32,
            second_keep: beta2 as f32,
            second_rate: (1.0 - beta2) as f32,
            epsilon: self.settings.epsilon as f32,
            step_size: (rate / correction(beta1)) as f32,
            root_correction: correction(beta2).sqrt() as f32,
            keep: (1.0 - rate * decay) as f32,
            gradient_scale: scale as f32,
        };
        let device = param.var.device().clone();
        let moments = [&mut moments.first, &mut moments.second];
        device.adamw(param.var.value_mut(), moments, gradient, update)
    }
}

impl<D: UpdateKernels> Moments<D> {
    fn zero(param: &Param<D>) -> Result<Self> {
        let device = param.var.device().clone();
        let len = param.var.rows() * param.var.columns();
        let zero = || device.zeroed(len).map_err(Into::into);
        let (first, second) = (zero()?, zero()?);
        Ok(Self { pieces: param.pieces.clone(), device, first, second })
    }
}

/// The name under which a parameter's moments are kept: that of its first tensor, which no other parameter has.
fn key<D: UpdateKernels>(param: &Param<D>) -> Result<String> {
    param.pieces.first().map(|piece| piece.name.clone()).ok_or_else(|| {
        config("a trainable parameter has no name; give it the pieces that a checkpoint stores it as".into())
    })
}

/// Norms and biases are vectors, and not decayed.
fn is_matrix<D: UpdateKernels>(param: &Param<D>) -> bool {
    param.pieces.iter().any(|piece| piece.shape.len() > 1)
}

fn config(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}
