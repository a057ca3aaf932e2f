//! What the optimiser asks of a device.

use dfdx::tensor::Cpu;
use rayon::prelude::*;

#[cfg(feature = "cuda")]
use crate::kernels::cuda::ops::optimizer;
use crate::{
    device::Buffer,
    error::{Error, ErrorKind, Result},
    tape::Kernels,
};

/// The numbers of one update, the same for all elements of a parameter.
#[derive(Clone, Copy, Debug)]
pub struct AdamWUpdate {
    /// 1 − β₁: what the mean of gradients takes of a new one.
    pub first_rate: f32,
    /// β₂: what the mean of squares keeps.
    pub second_keep: f32,
    /// 1 − β₂, rounded once.
    pub second_rate: f32,
    /// Added to the root.
    pub epsilon: f32,
    /// Learning rate over the bias correction of the first moment.
    pub step_size: f32,
    /// Root of the bias correction of the second moment.
    pub root_correction: f32,
    /// What a weight is multiplied by first: 1 − learning rate · weight decay.
    pub keep: f32,
    /// What the gradient is multiplied by: 1, or less to bound its norm.
    pub gradient_scale: f32,
}

/// A device that parameters are updated on, in place.
pub trait UpdateKernels: Kernels {
    /// Σ x² in f64, always in the same order.
    ///
    /// # Errors
    /// When the device fails.
    fn sum_of_squares(&self, values: &Buffer<Self>) -> Result<f64>;

    /// m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², w ← keep·w − step_size · m / (√v / root_correction + ε).
    ///
    /// # Errors
    /// When the device fails.
    fn adamw(
        &self,
        weights: &mut Buffer<Self>,
        moments: [&mut Buffer<Self>; 2],
        gradient: &Buffer<Self>,
        update: AdamWUpdate,
    ) -> Result<()>;
}

/// Numbers that one task handles.
const TASK: usize = 16_384;

impl UpdateKernels for Cpu {
    fn sum_of_squares(&self, values: &Buffer<Self>) -> Result<f64> {
        let of = |chunk: &[f32]| chunk.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>();
        let parts: Vec<f64> = values.par_chunks(TASK).map(of).collect();
        Ok(parts.iter().sum())
    }

    fn adamw(
        &self,
        weights: &mut Buffer<Self>,
        [first, second]: [&mut Buffer<Self>; 2],
        gradient: &Buffer<Self>,
        update: AdamWUpdate,
    ) -> Result<()> {
        if [first.len(), second.len(), gradient.len()].iter().any(|len| *len != weights.len()) {
            return Err(Error::new(
                ErrorKind::Device,
                "a parameter, its moments and its gradient differ in size",
            ));
        }
        weights
            .par_chunks_mut(TASK)
            .zip(first.par_chunks_mut(TASK))
            .zip(second.par_chunks_mut(TASK))
            .zip(gradient.par_chunks(TASK))
            .for_each(|(((weights, first), second), gradient)| {
                adamw_task(weights, first, second, gradient, update);
            });
        Ok(())
    }
}

#[cfg(feature = "cuda")]
impl UpdateKernels for crate::device::Cuda {
    fn sum_of_squares(&self, values: &Buffer<Self>) -> Result<f64> {
        Ok(optimizer::sum_of_squares(self, values)?)
    }

    fn adamw(
        &self,
        weights: &mut Buffer<Self>,
        moments: [&mut Buffer<Self>; 2],
        gradient: &Buffer<Self>,
        update: AdamWUpdate,
    ) -> Result<()> {
        Ok(optimizer::adamw(self, weights, moments, gradient, update)?)
    }
}

fn adamw_task(weights: &mut [f32], first: &mut [f32], second: &mut [f32], gradient: &[f32], u: AdamWUpdate) {
    for (((w, m), v), g) in weights.iter_mut().zip(first).zip(second).zip(gradient) {
        let g = g * u.gradient_scale;
        *m += (g - *m) * u.first_rate;
        *v = *v * u.second_keep + g * g * u.second_rate;
        *w = *w * u.keep - u.step_size * *m / (v.sqrt() / u.root_correction + u.epsilon);
    }
}
