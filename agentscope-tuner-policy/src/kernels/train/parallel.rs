//! How work is cut into tasks. Cuts depend on shapes alone, never on the number of threads, so that sums are always
//! taken in the same order and results don't depend on the machine's load.

/// Numbers that one elementwise task handles: enough to hide the cost of handing it to another thread.
const TASK: usize = 16_384;

/// Rows of `columns` numbers that one elementwise task handles.
pub(super) fn rows_per_task(columns: usize) -> usize {
    (TASK / columns.max(1)).max(1)
}

/// Cuts `rows` into equal parts, each a multiple of `multiple` rows (the last may be shorter), `parts` at most.
pub(super) fn part_of(rows: usize, parts: usize, multiple: usize) -> usize {
    rows.div_ceil(parts.max(1)).next_multiple_of(multiple).max(1)
}

/// Adds the partial sums of the tasks, first to last.
pub(super) fn add_in_order(total: &mut [f32], partials: &[Vec<f32>]) {
    for partial in partials {
        for (sum, value) in total.iter_mut().zip(partial) {
            *sum += value;
        }
    }
}
