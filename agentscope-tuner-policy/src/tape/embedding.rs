//! Rows by number: the embedding, and the rows that predict a token.

use dfdx::tensor::Tape;

use super::{Kernels, Step, slot};
use crate::{params::Param, var::Var};

/// The embedding of each token; the start of a tape.
pub(super) fn embed<D: Kernels, T: Tape<f32, D>>(
    embedding: &Param<D>,
    ids: &D::Ids,
    rows: usize,
    tape: T,
) -> Step<D, T> {
    gather(embedding.var.clone().put_tape(tape), ids, rows, embedding.trainable)
}

/// Some rows of `x`, each as often as it is named.
pub(super) fn select_rows<D: Kernels, T: Tape<f32, D>>(
    x: Var<D, T>,
    ids: &D::Ids,
    rows: usize,
) -> Step<D, T> {
    gather(x, ids, rows, true)
}

fn gather<D: Kernels, T: Tape<f32, D>>(
    table: Var<D, T>,
    ids: &D::Ids,
    rows: usize,
    trainable: bool,
) -> Step<D, T> {
    let (table, mut tape) = table.split_tape();
    let (device, columns) = (table.device().clone(), table.columns());
    let y = Var::new(&device, device.gather(table.value(), columns, ids)?, rows, columns);
    if trainable {
        let (node, ids) = (y.node().clone(), ids.clone());
        tape.add_backward_op(move |grads| {
            let Some(dy) = slot::take(grads, &node)? else { return Ok(()) };
            let dtable = slot::open_zeroed(grads, &table)?;
            device.scatter_add(dtable, columns, &ids, &dy)?;
            device.recycle(dy);
            Ok(())
        });
    }
    Ok(y.put_tape(tape))
}
