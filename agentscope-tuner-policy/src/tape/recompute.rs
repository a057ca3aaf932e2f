//! A block whose activations are not kept: the backward pass runs it again (Chen et al., arXiv 1604.06174).

use dfdx::{
    shapes::Rank0,
    tensor::{Gradients, NoneTape, OwnedTape, PutTape, SplitTape, Tape, Trace},
    tensor_ops::Backward,
};

use super::{Kernels, Step, block::Block, slot};
use crate::{device::Buffer, var::Var};

/// As [`Block::forward`], but of all activations only the input is kept.
pub(super) fn forward<D: Kernels, T: Tape<f32, D>>(block: &Block<D>, x: Var<D, T>) -> Step<D, T> {
    let (x, mut tape) = x.split_tape();
    let y = block.forward::<NoneTape>(x.clone())?;
    if T::OWNS_TAPE {
        let (block, node) = (block.clone(), y.node().clone());
        tape.add_backward_op(move |grads| match slot::take(grads, &node)? {
            Some(dy) => backward(&block, x, dy, grads),
            None => Ok(()),
        });
    }
    Ok(y.put_tape(tape))
}

/// Runs the block on a tape of its own that starts from the gradients so far, then that tape backward.
fn backward<D: Kernels>(
    block: &Block<D>,
    x: Var<D>,
    dy: Buffer<D>,
    grads: &mut Gradients<f32, D>,
) -> Result<(), D::Err> {
    // dfdx runs a tape only from a scalar; this one has no part in the arithmetic.
    let scalar = x.device().try_zeros::<Rank0>()?;
    let outer = std::mem::replace(grads, Gradients::leaky());
    let (scalar, tape): (_, OwnedTape<f32, D>) = scalar.traced(outer).split_tape();
    let (y, mut tape) = block.forward(x.put_tape(tape))?.split_tape();
    tape.add_backward_op(move |grads| slot::give(grads, y.node(), dy));
    *grads = scalar.put_tape(tape).try_backward()?;
    Ok(())
}
