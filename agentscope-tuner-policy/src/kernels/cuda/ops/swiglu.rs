//! SwiGLU.

use super::{Argument, Card, Launch, count, length};

/// silu(gate) · up, of rows that hold `inner` numbers of gate, then as many of up.
pub(crate) fn forward<C: Card>(card: &C, gate_up: &C::Floats, inner: usize) -> Result<C::Floats, C::Error> {
    let len = card.len(gate_up) / 2;
    card.check(inner > 0 && len.is_multiple_of(inner) && 2 * len == card.len(gate_up))?;
    let mut out = card.floats(len)?;
    forward_into(card, (gate_up, len / inner), inner, &mut out)?;
    Ok(out)
}

/// [`forward`] of the first `rows` rows, into memory that is there.
pub(crate) fn forward_into<C: Card>(
    card: &C,
    (gate_up, rows): (&C::Floats, usize),
    inner: usize,
    out: &mut C::Floats,
) -> Result<(), C::Error> {
    let len = rows * inner;
    card.check(card.len(gate_up) >= 2 * len && card.len(out) >= len)?;
    if len == 0 {
        return Ok(());
    }
    let mut arguments = [Argument::Read(gate_up), Argument::Write(out), count(inner), length(len)];
    // SAFETY: `out` holds `len` numbers and `gate_up` whole rows of twice as many.
    unsafe { card.launch(Launch::elements("swiglu", len), &mut arguments) }
}

/// Turns gate and up into their gradients.
pub(crate) fn backward<C: Card>(
    card: &C,
    gate_up: &mut C::Floats,
    inner: usize,
    dy: &C::Floats,
) -> Result<(), C::Error> {
    let len = card.len(dy);
    card.check(inner > 0 && len.is_multiple_of(inner) && card.len(gate_up) == 2 * len)?;
    if len == 0 {
        return Ok(());
    }
    let mut arguments = [Argument::Write(gate_up), Argument::Read(dy), count(inner), length(len)];
    // SAFETY: `dy` holds `len` numbers and `gate_up` whole rows of twice as many.
    unsafe { card.launch(Launch::elements("swiglu_backward", len), &mut arguments) }
}
