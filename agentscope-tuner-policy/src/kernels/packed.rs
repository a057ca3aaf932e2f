//! Products of few rows with a matrix that is packed once and streamed many times: the arithmetic of decoding.
//!
//! Every output is summed over the inner dimension in one fixed order, whatever the number of rows and threads. So a
//! token's logits depend on its own context alone, not on what else was in the batch: batched, continuous and single
//! decoding agree to the last bit.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::kernels::{columns::Columns, threads::Threads};

/// Columns of one panel: four vectors of eight floats, or two of sixteen.
pub(crate) const PANEL: usize = 32;

/// Rows that share one pass over a panel; 6 x 32 sums fill the vector registers.
const TILE: usize = 6;

/// A matrix of `outputs x inputs`, stored as panels of [`PANEL`] outputs, each panel input by input.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    panels: Vec<[f32; PANEL]>,
    outputs: usize,
    inputs: usize,
}

impl Packed {
    /// Packs a row-major `outputs x inputs` matrix.
    pub(crate) fn new(matrix: &[f32], outputs: usize, inputs: usize) -> Self {
        let panels = vec![[0.0; PANEL]; outputs.div_ceil(PANEL) * inputs];
        let mut packed = Self { panels, outputs, inputs };
        packed.refill(matrix);
        packed
    }

    /// Packs other numbers of the same shape into the memory already held.
    pub(crate) fn refill(&mut self, matrix: &[f32]) {
        debug_assert_eq!(matrix.len(), self.outputs * self.inputs, "a matrix keeps its shape");
        let panels = self.panels.par_chunks_mut(self.inputs);
        panels.zip(matrix.par_chunks(PANEL * self.inputs)).for_each(|(panel, rows)| {
            for (lane, row) in rows.chunks(self.inputs).enumerate() {
                for (column, value) in panel.iter_mut().zip(row) {
                    column[lane] = *value;
                }
            }
        });
    }

    /// Row `output` of the matrix, as it was before packing.
    pub(crate) fn row_into(&self, output: usize, row: &mut [f32]) {
        let panel = &self.panels[output / PANEL * self.inputs..][..self.inputs];
        for (value, column) in row.iter_mut().zip(panel) {
            *value = column[output % PANEL];
        }
    }

    /// `y = x Wᵀ + bias`, or `y += …` where `add` is set; x is `rows x inputs`, y is `rows x outputs`, row-major.
    pub(crate) fn multiply(
        &self,
        threads: &Threads,
        x: &[f32],
        y: &mut [f32],
        bias: Option<&[f32]>,
        add: bool,
    ) {
        let rows = y.len() / self.outputs;
        debug_assert_eq!(x.len(), rows * self.inputs, "one input row for each output row");
        let cost = y.len() * self.inputs;
        let product = Product { matrix: self, x, rows, y: Columns::new(y, self.outputs), bias, add };
        threads.split(self.outputs.div_ceil(PANEL), cost, |panels| {
            pulp::Arch::new().dispatch(Panels { product: &product, panels });
        });
    }
}

/// One product, as its threads see it.
struct Product<'a> {
    matrix: &'a Packed,
    x: &'a [f32],
    rows: usize,
    y: Columns<'a>,
    bias: Option<&'a [f32]>,
    add: bool,
}

/// The panels that one thread works on.
struct Panels<'a> {
    product: &'a Product<'a>,
    panels: Range<usize>,
}

impl WithSimd for Panels<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for panel in self.panels {
            let mut row = 0;
            while row + TILE <= self.product.rows {
                self.product.tile::<S, TILE>(simd, row, panel);
                row += TILE;
            }
            match self.product.rows - row {
                1 => self.product.tile::<S, 1>(simd, row, panel),
                2 => self.product.tile::<S, 2>(simd, row, panel),
                3 => self.product.tile::<S, 3>(simd, row, panel),
                4 => self.product.tile::<S, 4>(simd, row, panel),
                5 => self.product.tile::<S, 5>(simd, row, panel),
                _ => {}
            }
        }
    }
}

impl Product<'_> {
    /// `ROWS x PANEL` sums over all inputs, each in the order of the inputs; two vectors wide at a time.
    #[inline(always)]
    #[expect(
        unsafe_code,
        reason = "the innermost loop must not check bounds; threads write disjoint columns"
    )]
    #[expect(clippy::needless_range_loop, reason = "fixed bounds keep the sums in registers")]
    fn tile<S: Simd, const ROWS: usize>(&self, simd: S, row: usize, panel: usize) {
        let inputs = self.matrix.inputs;
        let x: [&[f32]; ROWS] = std::array::from_fn(
            #[inline(always)]
            |r| &self.x[(row + r) * inputs..][..inputs],
        );
        let weights = &self.matrix.panels[panel * inputs..][..inputs];
        for from in (0..PANEL).step_by(2 * S::F32_LANES) {
            let mut sums = [[simd.splat_f32s(0.0); 2]; ROWS];
            for (k, weights) in weights.iter().enumerate() {
                let (weights, _) = S::as_simd_f32s(&weights[from..]);
                let pair = [weights[0], weights[1]];
                for r in 0..ROWS {
                    // SAFETY: every row of `x` was cut to `inputs`, the length of `weights` that `k` counts through.
                    let factor = simd.splat_f32s(unsafe { *x[r].get_unchecked(k) });
                    sums[r] = [
                        simd.mul_add_f32s(factor, pair[0], sums[r][0]),
                        simd.mul_add_f32s(factor, pair[1], sums[r][1]),
                    ];
                }
            }
            let start = panel * PANEL + from;
            let width = (2 * S::F32_LANES).min(self.matrix.outputs.saturating_sub(start));
            for r in 0..ROWS {
                // SAFETY: `split` hands each panel to one thread, and each tile of it writes its own rows.
                let target = unsafe { self.y.slice(row + r, start.min(self.matrix.outputs), width) };
                let bias = self.bias.map(|bias| &bias[start..start + width]);
                match S::as_mut_simd_f32s(target) {
                    (whole @ [_, _], []) => self.store(simd, whole, sums[r], bias),
                    _ => self.store_part::<S>(target, sums[r], bias),
                }
            }
        }
    }

    #[inline(always)]
    fn store<S: Simd>(&self, simd: S, target: &mut [S::f32s], sums: [S::f32s; 2], bias: Option<&[f32]>) {
        let bias = bias.map(|bias| S::as_simd_f32s(bias).0);
        for (half, (y, mut sum)) in target.iter_mut().zip(sums).enumerate() {
            if let Some(bias) = bias {
                sum = simd.add_f32s(sum, bias[half]);
            }
            *y = if self.add { simd.add_f32s(*y, sum) } else { sum };
        }
    }

    /// [`store`](Self::store) of the last outputs, which fill no vector.
    #[inline(always)]
    fn store_part<S: Simd>(&self, target: &mut [f32], sums: [S::f32s; 2], bias: Option<&[f32]>) {
        let mut lanes = [0.0; 2 * PANEL];
        S::as_mut_simd_f32s(&mut lanes).0[..2].copy_from_slice(&sums);
        for (lane, y) in target.iter_mut().enumerate() {
            let sum = lanes[lane] + bias.map_or(0.0, |bias| bias[lane]);
            *y = if self.add { *y + sum } else { sum };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, salt: u32) -> Vec<f32> {
        let mut state = 0x9e37_79b9_u32 ^ salt;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn products_agree_with_f64() {
        for (rows, inputs, outputs) in [(1, 7, 5), (6, 33, 64), (13, 96, 97), (64, 128, 300)] {
            let (x, w) = (numbers(rows * inputs, 1), numbers(outputs * inputs, 2));
            let (bias, before) = (numbers(outputs, 3), numbers(rows * outputs, 4));
            let packed = Packed::new(&w, outputs, inputs);
            let mut y = before.clone();
            packed.multiply(&Threads::new(2), &x, &mut y, Some(&bias), true);
            for (index, y) in y.iter().enumerate() {
                let (row, column) = (index / outputs, index % outputs);
                let products = (0..inputs)
                    .map(|k| f64::from(x[row * inputs + k]) * f64::from(w[column * inputs + k]))
                    .sum::<f64>();
                let exact = products + f64::from(bias[column]) + f64::from(before[index]);
                assert!((f64::from(*y) - exact).abs() < 1e-5, "{rows}x{inputs}x{outputs} at {index}");
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_batch_or_the_threads() {
        let (rows, inputs, outputs) = (67, 320, 1000);
        let (x, w) = (numbers(rows * inputs, 5), numbers(outputs * inputs, 6));
        let packed = Packed::new(&w, outputs, inputs);
        let mut batched = vec![0.0; rows * outputs];
        packed.multiply(&Threads::new(3), &x, &mut batched, None, false);
        for row in [0, 5, 6, 61, 66] {
            let mut single = vec![0.0; outputs];
            packed.multiply(&Threads::new(1), &x[row * inputs..][..inputs], &mut single, None, false);
            assert_eq!(single, batched[row * outputs..][..outputs], "row {row}");
        }
    }

    #[test]
    fn rows_come_back_as_they_were() {
        let w = numbers(70 * 9, 7);
        let packed = Packed::new(&w, 70, 9);
        let mut row = [0.0; 9];
        packed.row_into(65, &mut row);
        assert_eq!(row, w[65 * 9..66 * 9]);
    }
}
