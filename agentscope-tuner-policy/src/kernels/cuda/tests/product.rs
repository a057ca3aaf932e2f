//! Products of strided matrices, and rounding to bf16.

use super::{Emulated, assert_close};
use crate::{
    device::Precision,
    kernels::{
        cuda::ops::product::{Output, View, product},
        train::Shape,
    },
    testing::numbers,
};

/// A matrix of `rows x columns` within a buffer.
#[derive(Clone, Copy, Debug)]
struct Strides {
    offset: usize,
    row: usize,
    column: usize,
}

impl Strides {
    fn at(self, row: usize, column: usize) -> usize {
        self.offset + row * self.row + column * self.column
    }
}

/// All ways to lay a matrix of this size out: row-major, transposed, with gaps, and with no neighbours at all.
fn layouts(rows: usize, columns: usize) -> [Strides; 5] {
    let strides = |offset, row, column| Strides { offset, row, column };
    [
        strides(0, columns, 1),
        strides(2, columns + 3, 1),
        strides(0, 1, rows),
        strides(1, 1, rows + 2),
        strides(3, 2 * columns + 1, 2),
    ]
}

struct Case {
    shape: Shape,
    alpha: f32,
    accumulate: bool,
    a: Strides,
    b: Strides,
}

/// Multiplies on the card; gives ours, and f64 of the inputs after `round`.
fn run(card: &Emulated, case: &Case, round: fn(f32) -> f32) -> (Vec<f32>, Vec<f64>) {
    let Case { shape: Shape { rows, columns, inner }, alpha, accumulate, a, b } = *case;
    let (a_values, b_values) = (numbers(4000, 1), numbers(4000, 2));
    let (stride, offset) = (columns + 2, 3);
    let mut out: Vec<f32> = numbers(offset + rows * stride, 3);
    let mut exact: Vec<f64> = super::wide(&out);
    for row in 0..rows {
        for column in 0..columns {
            let term =
                |k| f64::from(round(a_values[a.at(row, k)])) * f64::from(round(b_values[b.at(k, column)]));
            let product = f64::from(alpha) * (0..inner).map(term).sum::<f64>();
            let place = &mut exact[offset + row * stride + column];
            *place = if accumulate { *place + product } else { product };
        }
    }
    let view =
        |values, s: Strides| View { values, offset: s.offset, row_stride: s.row, column_stride: s.column };
    let output = Output { values: &mut out, offset, row_stride: stride, accumulate };
    product(card, output, case.shape, alpha, &view(&a_values, a), &view(&b_values, b)).unwrap();
    (out, exact)
}

#[test]
fn every_layout_and_shape() {
    let card = Emulated::default();
    for (rows, columns, inner) in
        [(1, 1, 1), (3, 5, 7), (17, 2, 33), (1, 9, 4), (6, 1, 5), (4, 3, 1), (2, 2, 0)]
    {
        let shape = Shape { rows, columns, inner };
        for a in layouts(rows, inner) {
            for b in layouts(inner, columns) {
                for (alpha, accumulate) in [(1.0, false), (0.5, true)] {
                    let case = Case { shape, alpha, accumulate, a, b };
                    let (ours, exact) = run(&card, &case, |x| x);
                    assert_close(&format!("{shape:?} {a:?} {b:?}"), &ours, &exact, 1e-6);
                }
            }
        }
    }
    let log = card.log.borrow();
    assert!(log.contains(&"blas") && log.contains(&"product"), "both ways are taken");
}

#[test]
fn blas_is_asked_wherever_it_can_be() {
    let shape = Shape { rows: 3, columns: 4, inner: 5 };
    for (a, b, by_blas) in [(0, 2, true), (3, 1, true), (0, 4, false), (4, 0, false)] {
        let card = Emulated { precision: Precision::Tf32, ..Emulated::default() };
        let case = Case { shape, alpha: 1.0, accumulate: false, a: layouts(3, 5)[a], b: layouts(5, 4)[b] };
        run(&card, &case, |x| x);
        assert_eq!(*card.log.borrow(), [if by_blas { "blas" } else { "product" }]);
    }
}

fn bf16(x: f32) -> f32 {
    half::bf16::from_f32(x).to_f32()
}

#[test]
fn inputs_are_rounded_to_bf16_where_asked() {
    let card = Emulated { precision: Precision::Bf16, ..Emulated::default() };
    for (rows, columns, inner) in [(1, 1, 1), (3, 5, 7), (8, 6, 33)] {
        let shape = Shape { rows, columns, inner };
        for a in &layouts(rows, inner)[..4] {
            for b in &layouts(inner, columns)[..4] {
                let case = Case { shape, alpha: 2.0, accumulate: true, a: *a, b: *b };
                let (ours, exact) = run(&card, &case, bf16);
                assert_close(&format!("{shape:?} {a:?} {b:?}"), &ours, &exact, 1e-6);
            }
        }
    }
}

#[test]
fn rounding_is_that_of_the_half_crate() {
    let card = Emulated { precision: Precision::Bf16, ..Emulated::default() };
    let mut values = numbers(500, 4);
    values.extend([0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN_POSITIVE, 1e-40]);
    // Ties, both to the even neighbour below and above.
    values.extend([0x3f80_8000, 0x3f81_8000, 0x3f80_8001].map(f32::from_bits));
    for value in values {
        let mut out = vec![0.0];
        let one = |values| View { values, offset: 0, row_stride: 1, column_stride: 1 };
        let output = Output { values: &mut out, offset: 0, row_stride: 1, accumulate: false };
        let shape = Shape { rows: 1, columns: 1, inner: 1 };
        product(&card, output, shape, 1.0, &one(&vec![value]), &one(&vec![1.0])).unwrap();
        assert_eq!(out[0], bf16(value), "{value}");
    }
}

#[test]
fn matrices_beyond_their_buffers_are_refused() {
    let card = Emulated::default();
    let (a, b) = (vec![0.0; 6], vec![0.0; 6]);
    let view = |values, offset| View { values, offset, row_stride: 3, column_stride: 1 };
    let shape = Shape { rows: 2, columns: 3, inner: 2 };
    let refused = |len: usize, row_stride: usize, a_offset: usize, b_offset: usize| {
        let mut out = vec![0.0; len];
        let output = Output { values: &mut out, offset: 0, row_stride, accumulate: false };
        product(&card, output, shape, 1.0, &view(&a, a_offset), &view(&b, b_offset)).is_err()
    };
    assert!(!refused(6, 3, 0, 0));
    assert!(refused(5, 3, 0, 0) && refused(6, 2, 0, 0) && refused(6, 3, 2, 0) && refused(6, 3, 0, 1));
}
