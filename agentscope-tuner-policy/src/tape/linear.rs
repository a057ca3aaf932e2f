//! Linear layers on the tape: x Wᵀ, with bias, low-rank adapters and the residual stream added in the same pass.

use dfdx::tensor::{Gradients, Tape};

use super::{Adapter, Kernels, Step, slot};
use crate::{
    device::Buffer,
    kernels::train::{Matrix, Shape, Target},
    params::Param,
    var::Var,
};

/// The parameters of a linear layer.
pub(super) struct Linear<'a, D: Kernels> {
    /// `outputs x inputs`.
    pub(super) weight: &'a Param<D>,
    /// `outputs` numbers.
    pub(super) bias: Option<&'a Param<D>>,
    /// On rows of `weight`.
    pub(super) adapters: &'a [Adapter<D>],
}

/// x Wᵀ + bias + residual, and s (x Aᵀ) Bᵀ for each adapter.
pub(super) fn linear<D: Kernels, T: Tape<f32, D>>(
    x: Var<D, T>,
    layer: &Linear<'_, D>,
    residual: Option<&Var<D>>,
) -> Step<D, T> {
    let (x, mut tape) = x.split_tape();
    let device = x.device().clone();
    let (rows, columns) = (x.rows(), layer.weight.var.rows());
    let mut out = match (layer.bias, residual) {
        (Some(bias), _) => device.spread(rows, bias.var.value(), residual.map(Var::value))?,
        (None, Some(residual)) => device.copy(residual.value())?,
        (None, None) => device.buffer(rows * columns)?,
    };
    let accumulate = layer.bias.is_some() || residual.is_some();
    let target = Target { values: &mut out, offset: 0, row_stride: columns, accumulate };
    let (input, weight) = (Matrix::new(x.value(), x.columns()), whole(&layer.weight.var));
    device.product(target, Shape { rows, columns, inner: x.columns() }, 1.0, input, weight.transposed())?;
    let adapters = layer
        .adapters
        .iter()
        .map(|adapter| Ok((adapter.clone(), adapt(&x, adapter, &mut out, columns)?)))
        .collect::<Result<_, D::Err>>()?;
    let y = Var::new(&device, out, rows, columns);
    let node = y.node().clone();
    let residual = residual.map(|residual| residual.node().clone());
    let saved = Saved { x, weight: layer.weight.clone(), bias: layer.bias.cloned(), adapters };
    tape.add_backward_op(move |grads| {
        let Some(dy) = slot::take(grads, &node)? else { return Ok(()) };
        saved.backward(grads, &dy)?;
        saved.x.recycle();
        match residual {
            Some(residual) => slot::give(grads, &residual, dy)?,
            None => device.recycle(dy),
        }
        Ok(())
    });
    Ok(y.put_tape(tape))
}

/// Adds an adapter's part to `out` and gives x Aᵀ.
fn adapt<D: Kernels>(
    x: &Var<D>,
    adapter: &Adapter<D>,
    out: &mut Buffer<D>,
    columns: usize,
) -> Result<Buffer<D>, D::Err> {
    let (device, rank) = (x.device(), adapter.a.var.rows());
    let mut low = device.buffer(x.rows() * rank)?;
    let target = Target { values: &mut low, offset: 0, row_stride: rank, accumulate: false };
    let shape = Shape { rows: x.rows(), columns: rank, inner: x.columns() };
    device.product(target, shape, 1.0, whole(x), whole(&adapter.a.var).transposed())?;
    let target = Target { values: out, offset: adapter.rows.start, row_stride: columns, accumulate: true };
    let shape = Shape { rows: x.rows(), columns: adapter.rows.len(), inner: rank };
    device.product(
        target,
        shape,
        adapter.scale,
        Matrix::new(&low, rank),
        whole(&adapter.b.var).transposed(),
    )?;
    Ok(low)
}

/// What the backward pass reads.
struct Saved<D: Kernels> {
    x: Var<D>,
    weight: Param<D>,
    bias: Option<Param<D>>,
    /// With x Aᵀ.
    adapters: Vec<(Adapter<D>, Buffer<D>)>,
}

impl<D: Kernels> Saved<D> {
    fn backward(&self, grads: &mut Gradients<f32, D>, dy: &Buffer<D>) -> Result<(), D::Err> {
        let Self { x, weight, bias, adapters } = self;
        let columns = weight.var.rows();
        let dy_matrix = || Matrix::<D>::new(dy, columns);
        if weight.trainable {
            let inner = (1.0, x.rows());
            slot::add_product(grads, &weight.var, inner, dy_matrix().transposed(), whole(x))?;
        }
        if let Some(bias) = bias.as_ref().filter(|bias| bias.trainable) {
            x.device().add_rows(slot::open_zeroed(grads, &bias.var)?, dy)?;
        }
        slot::add_product(grads, x, (1.0, columns), dy_matrix(), whole(&weight.var))?;
        for (adapter, low) in adapters {
            self.adapter_backward(grads, adapter, low, dy_matrix().skip(0, adapter.rows.start))?;
        }
        Ok(())
    }

    fn adapter_backward(
        &self,
        grads: &mut Gradients<f32, D>,
        adapter: &Adapter<D>,
        low: &Buffer<D>,
        dy: Matrix<'_, D>,
    ) -> Result<(), D::Err> {
        let (x, rank, scale) = (&self.x, adapter.a.var.rows(), adapter.scale);
        let (a, b) = (&adapter.a, &adapter.b);
        let dy_again = Matrix { ..dy };
        let mut dlow = x.device().buffer(x.rows() * rank)?;
        let target = Target { values: &mut dlow, offset: 0, row_stride: rank, accumulate: false };
        let shape = Shape { rows: x.rows(), columns: rank, inner: adapter.rows.len() };
        x.device().product(target, shape, scale, dy, whole(&b.var))?;
        if b.trainable {
            let low = Matrix::new(low, rank);
            slot::add_product(grads, &b.var, (scale, x.rows()), dy_again.transposed(), low)?;
        }
        if a.trainable {
            let dlow = Matrix::<D>::new(&dlow, rank).transposed();
            slot::add_product(grads, &a.var, (1.0, x.rows()), dlow, whole(x))?;
        }
        slot::add_product(grads, x, (1.0, rank), Matrix::new(&dlow, rank), whole(&a.var))
    }
}

/// All of a value.
pub(super) fn whole<D: Kernels>(var: &Var<D>) -> Matrix<'_, D> {
    Matrix::new(var.value(), var.columns())
}
