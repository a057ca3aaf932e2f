//! Sums of buffers and of their rows.

use super::{Argument, Card, Launch, count, length};

/// `into += values`.
pub(crate) fn add<C: Card>(card: &C, into: &mut C::Floats, values: &C::Floats) -> Result<(), C::Error> {
    let len = card.len(values);
    card.check(card.len(into) == len)?;
    if len == 0 {
        return Ok(());
    }
    let mut arguments = [Argument::Write(into), Argument::Read(values), length(len)];
    // SAFETY: both buffers hold `len` numbers.
    unsafe { card.launch(Launch::elements("add", len), &mut arguments) }
}

/// `rows` copies of the row `bias`, plus `residual`.
pub(crate) fn spread<C: Card>(
    card: &C,
    rows: usize,
    bias: &C::Floats,
    residual: Option<&C::Floats>,
) -> Result<C::Floats, C::Error> {
    let columns = card.len(bias);
    let len = rows * columns;
    card.check(residual.is_none_or(|residual| card.len(residual) == len))?;
    let mut out = card.floats(len)?;
    if len > 0 {
        let mut arguments = [
            Argument::Read(bias),
            residual.map_or(Argument::Null, Argument::Read),
            Argument::Write(&mut out),
            count(columns),
            length(len),
        ];
        // SAFETY: `residual` and `out` hold `len` numbers, and `bias` one row of `columns`.
        unsafe { card.launch(Launch::elements("spread", len), &mut arguments)? };
    }
    Ok(out)
}

/// Adds the sum of the rows of `values` to the row `into`, in an order that depends on the sizes alone.
pub(crate) fn add_rows<C: Card>(card: &C, into: &mut C::Floats, values: &C::Floats) -> Result<(), C::Error> {
    const ROWS_OF_PART: usize = 64;
    const MOST_PARTS: usize = 1024;
    let (len, columns) = (card.len(values), card.len(into));
    if len == 0 {
        return Ok(());
    }
    card.check(columns > 0 && len.is_multiple_of(columns))?;
    let rows = len / columns;
    let rows_of_part = rows.div_ceil(MOST_PARTS).max(ROWS_OF_PART);
    let parts = rows.div_ceil(rows_of_part);
    let mut partials = card.floats(parts * columns)?;
    let mut launch = Launch::threads("column_sums", columns);
    launch.grid[1] = parts as u32;
    let mut arguments = [
        Argument::Read(values),
        Argument::Write(&mut partials),
        count(rows),
        count(columns),
        count(rows_of_part),
    ];
    // SAFETY: `values` holds rows x columns numbers, and `partials` a row for each of the grid's `parts`.
    unsafe { card.launch(launch, &mut arguments)? };
    let mut arguments = [Argument::Write(into), Argument::Read(&partials), count(parts), count(columns)];
    // SAFETY: `into` holds `columns` numbers and `partials` `parts` rows of them.
    unsafe { card.launch(Launch::threads("add_partials", columns), &mut arguments) }
}
