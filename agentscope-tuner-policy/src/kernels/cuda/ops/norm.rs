//! RMSNorm.

use super::{Argument, Card, Launch, count, elementwise::add_rows};

/// x / √(mean x² + eps) · scale for each row.
pub(crate) fn forward<C: Card>(
    card: &C,
    x: &C::Floats,
    scale: &C::Floats,
    eps: f32,
) -> Result<C::Floats, C::Error> {
    let (len, columns) = (card.len(x), card.len(scale));
    card.check(columns > 0 && len.is_multiple_of(columns))?;
    let mut out = card.floats(len)?;
    forward_into(card, (x, len / columns), scale, eps, &mut out)?;
    Ok(out)
}

/// [`forward`] of the first `rows` rows, into memory that is there.
pub(crate) fn forward_into<C: Card>(
    card: &C,
    (x, rows): (&C::Floats, usize),
    scale: &C::Floats,
    eps: f32,
    out: &mut C::Floats,
) -> Result<(), C::Error> {
    let columns = card.len(scale);
    card.check(card.len(x) >= rows * columns && card.len(out) >= rows * columns)?;
    if rows == 0 {
        return Ok(());
    }
    let launch = Launch::rows("rms_norm", rows, columns);
    let mut arguments =
        [Argument::Read(x), Argument::Read(scale), Argument::Write(out), count(columns), Argument::Real(eps)];
    // SAFETY: one block a row; `x` and `out` hold all rows, and `scale` is as long as one.
    unsafe { card.launch(launch, &mut arguments) }
}

/// The gradients: that of `x` is written or added to, that of the scale added to.
pub(crate) fn backward<C: Card>(
    card: &C,
    (x, scale, eps): (&C::Floats, &C::Floats, f32),
    dy: &C::Floats,
    (dx, accumulate): (&mut C::Floats, bool),
    dscale: Option<&mut C::Floats>,
) -> Result<(), C::Error> {
    let (len, columns) = (card.len(x), card.len(scale));
    card.check(columns > 0 && len.is_multiple_of(columns) && card.len(dy) == len && card.len(dx) == len)?;
    if len == 0 {
        return Ok(());
    }
    let mut products = dscale.is_some().then(|| card.floats(len)).transpose()?;
    let launch = Launch::rows("rms_norm_backward", len / columns, columns);
    let mut arguments = [
        Argument::Read(x),
        Argument::Read(scale),
        Argument::Read(dy),
        Argument::Write(dx),
        products.as_mut().map_or(Argument::Null, Argument::Write),
        count(columns),
        Argument::Real(eps),
        Argument::Count(accumulate.into()),
    ];
    // SAFETY: one block a row; `x`, `dy`, `dx` and `products` hold all rows, and `scale` is as long as one.
    unsafe { card.launch(launch, &mut arguments)? };
    match (dscale, products) {
        (Some(dscale), Some(products)) => add_rows(card, dscale, &products),
        _ => Ok(()),
    }
}
