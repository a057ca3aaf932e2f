//! AdamW, and the norm that gradients are bounded by.

use super::{Argument, Card, Launch, length};
use crate::optimizer::AdamWUpdate;

/// Σ x², in f64, in an order that depends on the length alone.
pub(crate) fn sum_of_squares<C: Card>(card: &C, values: &C::Floats) -> Result<f64, C::Error> {
    const CHUNK: usize = 1 << 16;
    const THREADS: u32 = 256;
    let len = card.len(values);
    if len == 0 {
        return Ok(0.0);
    }
    let blocks = len.div_ceil(CHUNK);
    let mut parts = card.floats(2 * blocks)?;
    let launch = Launch {
        kernel: "sum_of_squares",
        grid: [super::size(blocks), 1, 1],
        threads: THREADS,
        shared_bytes: 0,
    };
    let mut arguments = [Argument::Read(values), Argument::Write(&mut parts), length(CHUNK), length(len)];
    // SAFETY: every block has a chunk that begins within the `len` numbers, two numbers of `parts`, and as many threads
    // as the kernel has room for.
    unsafe { card.launch(launch, &mut arguments)? };
    let parts = card.download(&parts)?;
    Ok(parts.chunks_exact(2).map(|pair| f64::from(pair[0]) + f64::from(pair[1])).sum())
}

/// One step; see [`UpdateKernels::adamw`](crate::optimizer::UpdateKernels::adamw).
pub(crate) fn adamw<C: Card>(
    card: &C,
    weights: &mut C::Floats,
    [first, second]: [&mut C::Floats; 2],
    gradient: &C::Floats,
    update: AdamWUpdate,
) -> Result<(), C::Error> {
    let len = card.len(weights);
    card.check([card.len(first), card.len(second), card.len(gradient)] == [len; 3])?;
    if len == 0 {
        return Ok(());
    }
    let mut arguments = [
        Argument::Write(weights),
        Argument::Write(first),
        Argument::Write(second),
        Argument::Read(gradient),
        Argument::Real(update.gradient_scale),
        Argument::Real(update.first_rate),
        Argument::Real(update.second_keep),
        Argument::Real(update.second_rate),
        Argument::Real(update.keep),
        Argument::Real(update.step_size),
        Argument::Real(update.root_correction),
        Argument::Real(update.epsilon),
        length(len),
    ];
    // SAFETY: all four buffers hold `len` numbers.
    unsafe { card.launch(Launch::elements("adamw", len), &mut arguments) }
}
