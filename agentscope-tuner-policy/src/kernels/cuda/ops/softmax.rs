//! Log-probability of a target and entropy, from logits that are seen one block of columns at a time.

use super::{Argument, Card, Launch, count, embedding::Ids};
use crate::kernels::train::{LogitsBlock, SOFTMAX_STATE};

/// The state of `rows` rows before any block.
pub(crate) fn state<C: Card>(card: &C, rows: usize) -> Result<C::Floats, C::Error> {
    let mut state = card.floats(rows * SOFTMAX_STATE)?;
    if rows > 0 {
        let mut arguments = [Argument::Write(&mut state), count(rows)];
        // SAFETY: `state` has four numbers for each row.
        unsafe { card.launch(Launch::threads("softmax_state", rows), &mut arguments)? };
    }
    Ok(state)
}

/// Whether a block lies within its buffers.
fn fits<C: Card>(
    card: &C,
    logits: &C::Floats,
    block: LogitsBlock,
    targets: &Ids<C>,
    state: &C::Floats,
) -> bool {
    let end = block.first_row + block.rows;
    card.len(logits) >= block.rows * block.columns
        && targets.len >= end
        && card.len(state) >= end * SOFTMAX_STATE
}

/// Takes a block of logits into the rows' state.
pub(crate) fn block<C: Card>(
    card: &C,
    logits: &C::Floats,
    block: LogitsBlock,
    targets: &Ids<C>,
    state: &mut C::Floats,
) -> Result<(), C::Error> {
    card.check(fits(card, logits, block, targets, state))?;
    let LogitsBlock { rows, first_row, columns, first_column } = block;
    if rows * columns == 0 {
        return Ok(());
    }
    let mut arguments = [
        Argument::Read(logits),
        Argument::Words(&targets.words),
        Argument::Write(state),
        count(first_row),
        count(columns),
        count(first_column),
    ];
    // SAFETY: one block a row; `logits` holds rows x columns numbers, `targets` and `state` all rows up to the last.
    unsafe { card.launch(Launch::rows("softmax_block", rows, columns), &mut arguments) }
}

/// Log-probability of the target and entropy of each row.
pub(crate) fn finish<C: Card>(card: &C, state: &C::Floats) -> Result<[C::Floats; 2], C::Error> {
    let rows = card.len(state) / SOFTMAX_STATE;
    let (mut log_probs, mut entropies) = (card.floats(rows)?, card.floats(rows)?);
    if rows > 0 {
        let mut arguments = [
            Argument::Read(state),
            Argument::Write(&mut log_probs),
            Argument::Write(&mut entropies),
            count(rows),
        ];
        // SAFETY: `state` has four numbers for each row, the outputs one.
        unsafe { card.launch(Launch::threads("softmax_finish", rows), &mut arguments)? };
    }
    Ok([log_probs, entropies])
}

/// Turns a block of logits into their gradients.
pub(crate) fn block_backward<C: Card>(
    card: &C,
    logits: &mut C::Floats,
    block: LogitsBlock,
    targets: &Ids<C>,
    state: &C::Floats,
    [dlog_probs, dentropies]: [&C::Floats; 2],
) -> Result<(), C::Error> {
    let LogitsBlock { rows, first_row, columns, first_column } = block;
    let shortest = card.len(dlog_probs).min(card.len(dentropies));
    card.check(fits(card, logits, block, targets, state) && shortest >= first_row + rows)?;
    if rows * columns == 0 {
        return Ok(());
    }
    let mut arguments = [
        Argument::Write(logits),
        Argument::Words(&targets.words),
        Argument::Read(state),
        Argument::Read(dlog_probs),
        Argument::Read(dentropies),
        count(first_row),
        count(columns),
        count(first_column),
    ];
    // SAFETY: one block a row; `logits` holds rows x columns numbers, and the others all rows up to the last.
    unsafe { card.launch(Launch::rows("softmax_block_backward", rows, columns), &mut arguments) }
}
