//! A loss as one operation of the tape: the host computes value and gradients, the tape carries them back.

use dfdx::{
    shapes::Rank0,
    tensor::{Gradients, PutTape, SplitTape, Storage, Tape, Tensor},
};

use super::rows::{numeric, request};
use crate::{
    device::Buffer,
    error::Result,
    kernels::train::{Kernels, Matrix, Shape, Target},
    tape::LogProbs,
};

/// A loss with its gradients.
#[derive(Debug)]
pub(super) struct Evaluation {
    pub(super) loss: f64,
    /// The part of the loss that is a policy's surrogate.
    pub(super) policy: f64,
    pub(super) dlog_probs: Vec<f64>,
    pub(super) dentropies: Vec<f64>,
}

impl Evaluation {
    pub(super) fn zero(tokens: usize) -> Self {
        Self { loss: 0.0, policy: 0.0, dlog_probs: vec![0.0; tokens], dentropies: vec![0.0; tokens] }
    }
}

/// Copies log-probabilities and entropies to the host, lets `evaluate` make a loss of them, and puts it on their tape.
pub(super) fn fused<D: Kernels, T: Tape<f32, D>, S>(
    outputs: LogProbs<D, T>,
    evaluate: impl FnOnce(&[f32], &[f32]) -> Result<(Evaluation, S)>,
) -> Result<(Tensor<Rank0, f32, D, T>, S)> {
    let (log_probs, tape) = outputs.log_probs.split_tape();
    let (entropies, other) = outputs.entropies.split_tape();
    let mut tape = tape.merge(other);
    let (values, spread) = (log_probs.as_vec(), entropies.as_vec());
    if values.len() != spread.len() {
        return Err(request("each log-probability needs the entropy of its row"));
    }
    let (evaluation, report) = evaluate(&values, &spread)?;
    let Evaluation { loss, dlog_probs, dentropies, .. } = evaluation;
    if !loss.is_finite() {
        return Err(numeric(format!(
            "the loss is {loss}; lower the learning rate or take an earlier checkpoint"
        )));
    }
    let device = log_probs.device().clone();
    let upload = |gradient: Vec<f64>| -> Result<Option<Buffer<D>>> {
        let narrow: Vec<f32> = gradient.into_iter().map(|slope| slope as f32).collect();
        // Where nothing flows back, nothing needs to be kept.
        narrow.iter().any(|slope| *slope != 0.0).then(|| device.upload(&narrow)).transpose()
    };
    let gradients = [(log_probs, upload(dlog_probs)?), (entropies, upload(dentropies)?)];
    let loss: Tensor<Rank0, f32, D> =
        device.try_tensor_from_vec(vec![loss as f32], ()).map_err(Into::into)?;
    let node = loss.clone();
    tape.add_backward_op(move |grads| {
        let upstream = grads.get_or_alloc_mut(&node)?.clone();
        for (input, gradient) in &gradients {
            if let Some(gradient) = gradient {
                add_scaled(grads, input, gradient, &upstream)?;
            }
        }
        Ok(())
    });
    Ok((loss.put_tape(tape), report))
}

/// Adds `upstream` (one number) times `gradient` to the gradient of `input`.
fn add_scaled<D: Kernels>(
    grads: &mut Gradients<f32, D>,
    input: &Tensor<(usize,), f32, D>,
    gradient: &Buffer<D>,
    upstream: &Buffer<D>,
) -> Result<(), D::Err> {
    let device = input.device().clone();
    let values = grads.get_or_alloc_mut(input)?;
    let shape = Shape { rows: Storage::<f32>::len(&device, gradient), columns: 1, inner: 1 };
    let target = Target { values, offset: 0, row_stride: 1, accumulate: true };
    device.product(target, shape, 1.0, Matrix::new(gradient, 1), Matrix::new(upstream, 1))
}
