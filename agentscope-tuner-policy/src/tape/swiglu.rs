//! SwiGLU on the tape.

use dfdx::tensor::Tape;

use super::{Kernels, Step, slot};
use crate::var::Var;

/// silu(gate) · up, of rows that hold gate, then up.
pub(super) fn swiglu<D: Kernels, T: Tape<f32, D>>(gate_up: Var<D, T>) -> Step<D, T> {
    let (gate_up, mut tape) = gate_up.split_tape();
    let device = gate_up.device().clone();
    let inner = gate_up.columns() / 2;
    let y = Var::new(&device, device.swiglu(gate_up.value(), inner)?, gate_up.rows(), inner);
    let node = y.node().clone();
    tape.add_backward_op(move |grads| {
        let Some(dy) = slot::take(grads, &node)? else { return Ok(()) };
        let input = gate_up.node().clone();
        // Nobody reads gate and up again, so their memory takes the gradient.
        let mut gradient = gate_up.into_value();
        device.swiglu_backward(&mut gradient, inner, &dy)?;
        device.recycle(dy);
        slot::give(grads, &input, gradient)
    });
    Ok(y.put_tape(tape))
}
