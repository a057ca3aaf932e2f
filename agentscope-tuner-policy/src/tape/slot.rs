//! The gradients that the tape keeps for our values.
//!
//! dfdx allocates a gradient as large as its tensor, and our nodes are empty; so a slot is empty until the first gradient
//! flows into it, which then moves in without a copy. An operation *takes* the gradient of its output, which frees it.

use dfdx::{
    shapes::Rank1,
    tensor::{Gradients, Tensor},
};

use crate::{
    device::Buffer,
    kernels::train::{Kernels, Matrix, Shape, Target},
    params::Param,
    var::Var,
};

/// The identity of a value on the tape.
pub(super) type Node<D> = Tensor<Rank1<0>, f32, D>;

/// The gradient of a parameter after a backward pass; none when it is frozen or had no part in the loss.
pub fn gradient<'a, D: Kernels>(
    grads: &'a mut Gradients<f32, D>,
    param: &Param<D>,
) -> Option<&'a mut Buffer<D>> {
    let device = param.var.device();
    grads.get_or_alloc_mut(param.var.node()).ok().filter(|slot| !device.is_empty(slot))
}

/// Takes the gradient out; none when no gradient has flowed here.
pub(super) fn take<D: Kernels>(
    grads: &mut Gradients<f32, D>,
    node: &Node<D>,
) -> Result<Option<Buffer<D>>, D::Err> {
    let device = node.device();
    let taken = std::mem::replace(grads.get_or_alloc_mut(node)?, device.zeroed(0)?);
    Ok((!device.is_empty(&taken)).then_some(taken))
}

/// Adds a gradient that nobody else needs.
pub(super) fn give<D: Kernels>(
    grads: &mut Gradients<f32, D>,
    node: &Node<D>,
    gradient: Buffer<D>,
) -> Result<(), D::Err> {
    let slot = grads.get_or_alloc_mut(node)?;
    if node.device().is_empty(slot) {
        *slot = gradient;
        Ok(())
    } else {
        node.device().add(slot, &gradient)?;
        node.device().recycle(gradient);
        Ok(())
    }
}

/// The gradient of a value, and whether it holds something to be added to; else its numbers mean nothing, and the caller
/// writes them all.
pub(super) fn open<'a, D: Kernels>(
    grads: &'a mut Gradients<f32, D>,
    var: &Var<D>,
) -> Result<(&'a mut Buffer<D>, bool), D::Err> {
    let device = var.device();
    let slot = grads.get_or_alloc_mut(var.node())?;
    let accumulate = !device.is_empty(slot);
    if !accumulate {
        *slot = device.buffer(var.rows() * var.columns())?;
    }
    Ok((slot, accumulate))
}

/// The gradient of a value, zero where nothing has flowed yet, to add to.
pub(super) fn open_zeroed<'a, D: Kernels>(
    grads: &'a mut Gradients<f32, D>,
    var: &Var<D>,
) -> Result<&'a mut Buffer<D>, D::Err> {
    let device = var.device();
    let slot = grads.get_or_alloc_mut(var.node())?;
    if device.is_empty(slot) {
        *slot = device.zeroed(var.rows() * var.columns())?;
    }
    Ok(slot)
}

/// Adds the product of two matrices to the gradient of `var`, all of it.
pub(super) fn add_product<D: Kernels>(
    grads: &mut Gradients<f32, D>,
    var: &Var<D>,
    (alpha, inner): (f32, usize),
    a: Matrix<'_, D>,
    b: Matrix<'_, D>,
) -> Result<(), D::Err> {
    let (values, accumulate) = open(grads, var)?;
    let target = Target { values, offset: 0, row_stride: var.columns(), accumulate };
    var.device().product(target, Shape { rows: var.rows(), columns: var.columns(), inner }, alpha, a, b)
}
