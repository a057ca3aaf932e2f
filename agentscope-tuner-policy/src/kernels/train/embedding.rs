//! Rows of a table by number, and their gradient.

use rayon::prelude::*;

use super::parallel::rows_per_task;

/// Copies the rows that `ids` name.
///
/// # Panics
/// When an id is beyond the table.
pub(super) fn gather(table: &[f32], columns: usize, ids: &[u32], out: &mut [f32]) {
    let rows = rows_per_task(columns);
    out.par_chunks_mut(rows * columns).zip(ids.par_chunks(rows)).for_each(|(out, ids)| {
        for (out, &id) in out.chunks_exact_mut(columns).zip(ids) {
            out.copy_from_slice(&table[id as usize * columns..][..columns]);
        }
    });
}

/// Adds each row to the one that its id names, in order: an id may come often, so this is one task.
///
/// # Panics
/// When an id is beyond the table.
pub(super) fn scatter_add(table: &mut [f32], columns: usize, ids: &[u32], values: &[f32]) {
    for (&id, values) in ids.iter().zip(values.chunks_exact(columns)) {
        let row = &mut table[id as usize * columns..][..columns];
        for (sum, value) in row.iter_mut().zip(values) {
            *sum += value;
        }
    }
}
