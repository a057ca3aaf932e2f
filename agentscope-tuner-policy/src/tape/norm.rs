//! RMSNorm on the tape.

use dfdx::tensor::Tape;

use super::{Kernels, Step, slot};
use crate::{params::Param, var::Var};

/// x / √(mean x² + eps) · scale, for each row.
pub(super) fn rms_norm<D: Kernels, T: Tape<f32, D>>(x: Var<D, T>, scale: &Param<D>, eps: f32) -> Step<D, T> {
    let (x, mut tape) = x.split_tape();
    let device = x.device().clone();
    let value = device.rms_norm(x.value(), scale.var.value(), eps)?;
    let y = Var::new(&device, value, x.rows(), x.columns());
    let (node, scale) = (y.node().clone(), scale.clone());
    tape.add_backward_op(move |grads| {
        let Some(dy) = slot::take(grads, &node)? else { return Ok(()) };
        // On its own, since the gradients lend out one buffer at a time.
        let mut dscale = scale.trainable.then(|| device.zeroed(scale.var.columns())).transpose()?;
        let dx = slot::open(grads, &x)?;
        device.rms_norm_backward((x.value(), scale.var.value(), eps), &dy, dx, dscale.as_mut())?;
        device.recycle(dy);
        x.recycle();
        dscale.map_or(Ok(()), |dscale| slot::give(grads, scale.var.node(), dscale))
    });
    Ok(y.put_tape(tape))
}
