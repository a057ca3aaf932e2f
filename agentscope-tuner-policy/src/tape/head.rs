//! From hidden states to log-probabilities, without ever holding all logits of a long batch.

use dfdx::tensor::{Gradients, PutTape, Tape, Tensor};

use super::{
    Kernels, Targets,
    batch::request,
    embedding::select_rows,
    linear::{Linear, linear, whole},
    slot,
};
use crate::{
    device::Buffer,
    error::Result,
    kernels::train::{LogitsBlock, Matrix, Shape, Target},
    params::Param,
    var::Var,
};

/// Log-probabilities and entropies of a policy's choices, as dfdx tensors: a loss is written with dfdx's operations.
#[derive(Debug)]
pub struct LogProbs<D: Kernels, T> {
    /// Of each target, in nats, under the tempered distribution. Carries the tape.
    pub log_probs: Tensor<(usize,), f32, D, T>,
    /// Of each row's tempered distribution, in nats. Its tape is empty: a loss of both joins the two, a loss of the
    /// entropy alone has to put the tape of `log_probs` on it.
    pub entropies: Tensor<(usize,), f32, D, T>,
}

/// The logits of every row, `rows x vocab_size`: for tests and small batches.
///
/// # Errors
/// When the device has no memory left.
pub fn logits<D: Kernels, T: Tape<f32, D>>(hidden: Var<D, T>, projection: &Param<D>) -> Result<Var<D, T>> {
    linear(hidden, &Linear { weight: projection, bias: None, adapters: &[] }, None).map_err(Into::into)
}

/// Log-probability of each target and entropy of its row, of softmax(hidden projectionᵀ / temperature).
///
/// Logits are kept for the backward pass when all of them fit in `logits_bytes`; otherwise they are computed in blocks
/// of that size, and again in the backward pass, which makes the head a third slower.
///
/// # Errors
/// When a row or a token does not exist, `temperature` is not a positive number, or the device has no memory left.
pub fn log_probs<D: Kernels, T: Tape<f32, D>>(
    hidden: Var<D, T>,
    projection: &Param<D>,
    targets: &Targets,
    temperature: f32,
    logits_bytes: usize,
) -> Result<LogProbs<D, T>> {
    targets.check(hidden.rows(), projection.var.rows())?;
    if !(temperature > 0.0 && temperature.is_finite()) {
        return Err(request(format!(
            "temperature {temperature} is not a positive number; 1 leaves logits alone"
        )));
    }
    let device = hidden.device().clone();
    let hidden = match targets.are_all(hidden.rows()) {
        true => hidden,
        false => {
            let rows = device.ids(targets.rows()).map_err(Into::into)?;
            select_rows(hidden, &rows, targets.rows().len()).map_err(Into::into)?
        }
    };
    let (x, mut tape) = hidden.split_tape();
    let ids = device.ids(targets.ids()).map_err(Into::into)?;
    let blocks = blocks(x.rows(), projection.var.rows(), logits_bytes);
    let head =
        Head { x, projection: projection.clone(), ids, blocks, inverse_temperature: 1.0 / temperature };
    let saved = head.forward().map_err(Into::into)?;
    let [log_probs, entropies] = device.softmax_finish(&saved.state).map_err(Into::into)?;
    let tensor = |buffer: &Buffer<D>| -> Result<Tensor<(usize,), f32, D>> {
        let values = device.download(buffer)?;
        let shape = (values.len(),);
        device.try_tensor_from_vec(values, shape).map_err(Into::into)
    };
    let (log_probs, entropies) = (tensor(&log_probs)?, tensor(&entropies)?);
    let outputs = [log_probs.clone(), entropies.clone()];
    tape.add_backward_op(move |grads| head.backward(grads, saved, &outputs));
    Ok(LogProbs { log_probs: log_probs.put_tape(tape), entropies: entropies.put_tape(T::default()) })
}

/// Cuts the logits into blocks of at most `bytes`, though never narrower than 256 columns of one row.
fn blocks(rows: usize, columns: usize, bytes: usize) -> Vec<LogitsBlock> {
    /// Columns below which a product no longer runs at full speed.
    const NARROW: usize = 4096;
    let numbers = (bytes / size_of::<f32>()).max(256);
    let tall = (numbers / columns.min(NARROW)).clamp(1, rows);
    let wide = (numbers / tall).clamp(1, columns);
    let starts = (0..rows).step_by(tall).flat_map(|row| (0..columns).step_by(wide).map(move |c| (row, c)));
    starts
        .map(|(first_row, first_column)| LogitsBlock {
            rows: tall.min(rows - first_row),
            first_row,
            columns: wide.min(columns - first_column),
            first_column,
        })
        .collect()
}

struct Head<D: Kernels> {
    x: Var<D>,
    projection: Param<D>,
    ids: D::Ids,
    blocks: Vec<LogitsBlock>,
    inverse_temperature: f32,
}

struct SavedLogits<D: Kernels> {
    state: Buffer<D>,
    /// The logits, when one block holds them all.
    kept: Option<Buffer<D>>,
}

impl<D: Kernels> Head<D> {
    fn forward(&self) -> Result<SavedLogits<D>, D::Err> {
        let device = self.x.device();
        let mut state = device.softmax_state(self.x.rows())?;
        let mut kept = None;
        for block in &self.blocks {
            let logits = self.logits(*block)?;
            device.softmax_block(&logits, *block, &self.ids, &mut state)?;
            match self.blocks.len() {
                1 => kept = Some(logits),
                _ => device.recycle(logits),
            }
        }
        Ok(SavedLogits { state, kept })
    }

    fn logits(&self, block: LogitsBlock) -> Result<Buffer<D>, D::Err> {
        let Self { x, projection, inverse_temperature, .. } = self;
        let LogitsBlock { rows, first_row, columns, first_column } = block;
        let mut logits = x.device().buffer(rows * columns)?;
        let target = Target { values: &mut logits, offset: 0, row_stride: columns, accumulate: false };
        let weight = whole(&projection.var).skip(first_column, 0).transposed();
        let shape = Shape { rows, columns, inner: x.columns() };
        x.device().product(target, shape, *inverse_temperature, whole(x).skip(first_row, 0), weight)?;
        Ok(logits)
    }

    fn backward(
        &self,
        grads: &mut Gradients<f32, D>,
        saved: SavedLogits<D>,
        outputs: &[Tensor<(usize,), f32, D>; 2],
    ) -> Result<(), D::Err> {
        let device = self.x.device();
        let [log_probs, entropies] = outputs;
        let dlog_probs = grads.get_or_alloc_mut(log_probs)?.clone();
        let dentropies = grads.get_or_alloc_mut(entropies)?.clone();
        let SavedLogits { state, mut kept } = saved;
        for block in &self.blocks {
            let mut logits = match kept.take() {
                Some(logits) => logits,
                None => self.logits(*block)?,
            };
            let doutputs = [&dlog_probs, &dentropies];
            device.softmax_block_backward(&mut logits, *block, &self.ids, &state, doutputs)?;
            self.block_backward(grads, *block, &logits)?;
            device.recycle(logits);
        }
        Ok(())
    }

    /// dx += dl W / T and dW += dlᵀ x / T, for the rows and columns of a block.
    fn block_backward(
        &self,
        grads: &mut Gradients<f32, D>,
        block: LogitsBlock,
        dlogits: &Buffer<D>,
    ) -> Result<(), D::Err> {
        let Self { x, projection, inverse_temperature: alpha, .. } = self;
        let LogitsBlock { rows, first_row, columns, first_column } = block;
        let width = x.columns();
        let dlogits = || Matrix::<D>::new(dlogits, columns);
        if projection.trainable {
            let values = slot::open_zeroed(grads, &projection.var)?;
            let offset = first_column * width;
            let target = Target { values, offset, row_stride: width, accumulate: true };
            let shape = Shape { rows: columns, columns: width, inner: rows };
            x.device().product(target, shape, *alpha, dlogits().transposed(), whole(x).skip(first_row, 0))?;
        }
        let values = slot::open_zeroed(grads, x)?;
        let target = Target { values, offset: first_row * width, row_stride: width, accumulate: true };
        let shape = Shape { rows, columns: width, inner: columns };
        x.device().product(target, shape, *alpha, dlogits(), whole(&projection.var).skip(first_column, 0))
    }
}
