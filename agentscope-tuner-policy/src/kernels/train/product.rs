//! Products of matrices: the `gemm` crate on tiles of the output, spread over threads.

use std::sync::atomic::{AtomicPtr, Ordering};

use rayon::prelude::*;

use super::{Shape, parallel::part_of};

/// A matrix within a slice: element (i, j) stands at `i * row_stride + j * column_stride`.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) values: &'a [f32],
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

impl<'a> View<'a> {
    /// Row-major.
    pub(super) fn rows(values: &'a [f32], row_stride: usize) -> Self {
        Self { values, row_stride, column_stride: 1 }
    }

    /// Rows for columns.
    pub(super) fn transposed(self) -> Self {
        Self { row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }

    fn holds(&self, rows: usize, columns: usize) -> bool {
        (rows - 1) * self.row_stride + (columns - 1) * self.column_stride < self.values.len()
    }
}

/// `out = alpha a b`, or `out += alpha a b` when `accumulate`, on this thread. Rows of `out` are `stride` apart.
///
/// # Panics
/// When a matrix does not fit its slice.
pub(super) fn serial(
    out: (&mut [f32], usize),
    shape: Shape,
    (alpha, accumulate): (f32, bool),
    a: View<'_>,
    b: View<'_>,
) {
    let (out, stride) = out;
    if shape.is_empty() {
        return;
    }
    check(out, stride, shape, a, b);
    #[expect(unsafe_code, reason = "gemm takes pointers")]
    // SAFETY: `check` has seen that every element of the three matrices lies within its slice; `out` is borrowed
    // mutably, so nothing else reads or writes it meanwhile.
    unsafe {
        raw(out.as_mut_ptr(), stride, shape, (alpha, accumulate), a, b);
    }
}

/// As [`serial`], over all threads.
///
/// # Panics
/// When a matrix does not fit its slice.
pub(super) fn parallel(
    out: (&mut [f32], usize),
    shape: Shape,
    (alpha, accumulate): (f32, bool),
    a: View<'_>,
    b: View<'_>,
) {
    let (out, stride) = out;
    if shape.is_empty() {
        return;
    }
    check(out, stride, shape, a, b);
    let [tile_rows, tile_columns] = tile(shape);
    let across = shape.columns.div_ceil(tile_columns);
    let tiles = shape.rows.div_ceil(tile_rows) * across;
    let start = AtomicPtr::new(out.as_mut_ptr());
    (0..tiles).into_par_iter().for_each(|tile| {
        let (row, column) = (tile / across * tile_rows, tile % across * tile_columns);
        let part = Shape {
            rows: tile_rows.min(shape.rows - row),
            columns: tile_columns.min(shape.columns - column),
            inner: shape.inner,
        };
        let a = View { values: &a.values[row * a.row_stride..], ..a };
        let b = View { values: &b.values[column * b.column_stride..], ..b };
        #[expect(unsafe_code, reason = "gemm takes pointers, and tiles of one slice are not slices")]
        // SAFETY: `check` has seen that every element of the three whole matrices lies within its slice, and a tile's
        // elements are among them. Tiles have no element of the output in common (stride ≥ columns), and `out` is
        // borrowed mutably until all tasks have ended, so no element is touched by two threads.
        unsafe {
            let out = start.load(Ordering::Relaxed).add(row * stride + column);
            raw(out, stride, part, (alpha, accumulate), a, b);
        }
    });
}

fn check(out: &[f32], stride: usize, shape: Shape, a: View<'_>, b: View<'_>) {
    let Shape { rows, columns, inner } = shape;
    assert!(
        stride >= columns && View::rows(out, stride).holds(rows, columns),
        "the output must hold {shape:?}"
    );
    assert!(a.holds(rows, inner), "the left matrix must hold {shape:?}");
    assert!(b.holds(inner, columns), "the right matrix must hold {shape:?}");
}

/// Rows and columns of a tile of the output.
///
/// Each tile packs its columns of the right matrix anew, which where these must be transposed costs as much as some 50
/// rows of arithmetic; so the output is cut across columns first, and across rows only where columns would get narrow.
fn tile(shape: Shape) -> [usize; 2] {
    const WORTH_A_TASK: usize = 1 << 21;
    const MOST_TILES: usize = 16;
    const NARROW: usize = 96;
    let work = shape.rows * shape.columns * shape.inner;
    let tiles = (work / WORTH_A_TASK).clamp(1, MOST_TILES);
    let across = (shape.columns / NARROW).clamp(1, tiles);
    let down = (tiles / across).max(1);
    [part_of(shape.rows, down, 16), part_of(shape.columns, across, 16)]
}

/// # Safety
/// All elements of the output, of `a` and of `b` that `shape` and the strides reach must be valid, and those of the
/// output must be accessed by nobody else.
#[expect(unsafe_code, reason = "gemm takes pointers")]
unsafe fn raw(
    out: *mut f32,
    stride: usize,
    shape: Shape,
    (alpha, accumulate): (f32, bool),
    a: View<'_>,
    b: View<'_>,
) {
    // SAFETY: as the caller promises; strides are at most the length of a slice, so they fit `isize`.
    unsafe {
        gemm::gemm(
            shape.rows,
            shape.columns,
            shape.inner,
            out,
            1,
            stride as isize,
            accumulate,
            a.values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            alpha,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_output_once() {
        for (rows, columns, inner) in [(1, 1, 1), (3, 70, 5), (300, 17, 40), (257, 130, 300), (40, 900, 128)]
        {
            let shape = Shape { rows, columns, inner };
            let value = |i: usize| ((i * 37) % 11) as f32 - 5.0;
            let a: Vec<f32> = (0..rows * inner).map(value).collect();
            let b: Vec<f32> = (0..columns * inner).map(value).collect();
            let stride = columns + 3;
            let mut out = vec![1.0; rows * stride];
            parallel(
                (&mut out, stride),
                shape,
                (2.0, true),
                View::rows(&a, inner),
                View::rows(&b, inner).transposed(),
            );
            for row in 0..rows {
                for column in 0..columns {
                    let exact: f32 = (0..inner).map(|k| a[row * inner + k] * b[column * inner + k]).sum();
                    assert_eq!(out[row * stride + column], 1.0 + 2.0 * exact, "{shape:?} {row} {column}");
                }
                let gap = &out[row * stride + columns..][..3];
                assert_eq!(gap, [1.0; 3], "{shape:?}: the gap between rows is not touched");
            }
        }
    }

    #[test]
    #[should_panic(expected = "right matrix")]
    fn a_matrix_beyond_its_slice_is_refused() {
        let shape = Shape { rows: 2, columns: 2, inner: 2 };
        let (a, b) = ([0.0; 4], [0.0; 3]);
        serial((&mut [0.0; 4], 2), shape, (1.0, false), View::rows(&a, 2), View::rows(&b, 2));
    }
}
