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
    if len > 0 {
        let launch = Launch::rows("rms_norm", len / columns, columns);
        let mut arguments = [
            Argument::Read(x),
            Argument::Read(scale),
            Argument::Write(&mut out),
            count(columns),
            Argument::Real(eps),
        ];
        // SAFETY: one block a row; `x` and `out` hold all rows, and `scale` is as long as one.
        unsafe { card.launch(launch, &mut arguments)? };
    }
    Ok(out)
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
