//! The training kernels on the CPU.

use std::sync::Arc;

use dfdx::tensor::{Cpu, CpuError, Storage};
use rayon::prelude::*;

use super::{
    HeadNorms, HeadNormsBackward, Heads, Kernels, LogitsBlock, Matrix, SOFTMAX_STATE, Shape, Target,
    attention::{self, Split},
    attention_backward::{self, Saved},
    embedding,
    heads::{self, Norms},
    layout::CpuLayout,
    norm,
    parallel::{add_in_order, rows_per_task},
    pool,
    product::{self, View},
    softmax, swiglu,
};
use crate::{device::Buffer, kernels::vectorized};

type Result<T> = std::result::Result<T, CpuError>;

impl<'a> From<HeadNorms<'a, Cpu>> for Norms<'a> {
    fn from(norms: HeadNorms<'a, Cpu>) -> Self {
        Norms { query: norms.query, key: norms.key, eps: norms.eps }
    }
}

fn view<'a>(matrix: &Matrix<'a, Cpu>) -> View<'a> {
    let Matrix { values, offset, row_stride, column_stride } = *matrix;
    View { values: &values[offset..], row_stride, column_stride }
}

impl Kernels for Cpu {
    type Ids = Arc<[u32]>;
    type Layout = CpuLayout;

    fn buffer(&self, len: usize) -> Result<Buffer<Self>> {
        let mut buffer = Storage::<f32>::try_alloc_len(self, 0)?;
        *buffer = pool::take(len);
        Ok(buffer)
    }

    fn recycle(&self, mut buffer: Buffer<Self>) {
        pool::give(std::mem::take(&mut *buffer));
    }

    fn ids(&self, ids: &[u32]) -> Result<Self::Ids> {
        Ok(ids.into())
    }

    fn layout(
        &self,
        offsets: &[usize],
        branches: &[bool],
        window: Option<usize>,
        frequencies: &[f32],
    ) -> Result<CpuLayout> {
        Ok(CpuLayout::new(offsets, branches, window, frequencies))
    }

    fn product(
        &self,
        out: Target<'_, Self>,
        shape: Shape,
        alpha: f32,
        a: Matrix<'_, Self>,
        b: Matrix<'_, Self>,
    ) -> Result<()> {
        let values = &mut out.values[out.offset..];
        product::parallel((values, out.row_stride), shape, (alpha, out.accumulate), view(&a), view(&b));
        Ok(())
    }

    fn copy(&self, values: &Buffer<Self>) -> Result<Buffer<Self>> {
        let mut out = self.buffer(values.len())?;
        let task = rows_per_task(1);
        out.par_chunks_mut(task).zip(values.par_chunks(task)).for_each(|(out, values)| {
            out.copy_from_slice(values);
        });
        Ok(out)
    }

    fn add(&self, into: &mut Buffer<Self>, values: &Buffer<Self>) -> Result<()> {
        let task = rows_per_task(1);
        into.par_chunks_mut(task).zip(values.par_chunks(task)).for_each(|(into, values)| {
            for (sum, value) in into.iter_mut().zip(values) {
                *sum += value;
            }
        });
        Ok(())
    }

    fn spread(
        &self,
        rows: usize,
        bias: &Buffer<Self>,
        residual: Option<&Buffer<Self>>,
    ) -> Result<Buffer<Self>> {
        let columns = bias.len();
        let mut out = match residual {
            Some(residual) => self.copy(residual)?,
            None => self.zeroed(rows * columns)?,
        };
        out.par_chunks_mut(rows_per_task(columns) * columns).for_each(|out| {
            for row in out.chunks_exact_mut(columns) {
                for (value, bias) in row.iter_mut().zip(bias.iter()) {
                    *value += bias;
                }
            }
        });
        Ok(out)
    }

    fn add_rows(&self, into: &mut Buffer<Self>, values: &Buffer<Self>) -> Result<()> {
        let columns = into.len();
        let partials: Vec<Vec<f32>> = values
            .par_chunks(rows_per_task(columns) * columns)
            .map(|values| {
                let mut sums = vec![0.0; columns];
                vectorized(
                    #[inline(always)]
                    || {
                        for row in values.chunks_exact(columns) {
                            for (sum, value) in sums.iter_mut().zip(row) {
                                *sum += value;
                            }
                        }
                    },
                );
                sums
            })
            .collect();
        add_in_order(into, &partials);
        Ok(())
    }

    fn gather(&self, table: &Buffer<Self>, columns: usize, ids: &Self::Ids) -> Result<Buffer<Self>> {
        let mut out = self.buffer(ids.len() * columns)?;
        embedding::gather(table, columns, ids, &mut out);
        Ok(out)
    }

    fn scatter_add(
        &self,
        table: &mut Buffer<Self>,
        columns: usize,
        ids: &Self::Ids,
        values: &Buffer<Self>,
    ) -> Result<()> {
        embedding::scatter_add(table, columns, ids, values);
        Ok(())
    }

    fn rms_norm(&self, x: &Buffer<Self>, scale: &Buffer<Self>, eps: f32) -> Result<Buffer<Self>> {
        let mut out = self.buffer(x.len())?;
        norm::forward(x, scale, eps, &mut out);
        Ok(out)
    }

    fn rms_norm_backward(
        &self,
        (x, scale, eps): (&Buffer<Self>, &Buffer<Self>, f32),
        dy: &Buffer<Self>,
        (dx, accumulate): (&mut Buffer<Self>, bool),
        dscale: Option<&mut Buffer<Self>>,
    ) -> Result<()> {
        norm::backward((x, scale, eps), dy, (dx, accumulate), dscale.map(|dscale| &mut dscale[..]));
        Ok(())
    }

    fn split_heads(
        &self,
        qkv: &Buffer<Self>,
        heads: Heads,
        layout: &CpuLayout,
        norms: Option<HeadNorms<'_, Self>>,
    ) -> Result<Buffer<Self>> {
        let mut out = self.buffer(qkv.len())?;
        heads::split(qkv, heads, &layout.angles(), norms.map(Norms::from), &mut out);
        Ok(out)
    }

    fn split_heads_backward(
        &self,
        dheads: &Buffer<Self>,
        heads: Heads,
        layout: &CpuLayout,
        norms: Option<HeadNormsBackward<'_, Self>>,
    ) -> Result<Buffer<Self>> {
        let mut out = self.buffer(dheads.len())?;
        let (norms, dscales) = match norms {
            Some(HeadNormsBackward { qkv, norms, dscales }) => {
                (Some((&qkv[..], Norms::from(norms))), dscales.map(|both| both.map(|scale| &mut scale[..])))
            }
            None => (None, None),
        };
        heads::split_backward(dheads, heads, &layout.angles(), norms, dscales, &mut out);
        Ok(out)
    }

    fn attention(
        &self,
        split: &Buffer<Self>,
        heads: Heads,
        layout: &CpuLayout,
    ) -> Result<(Buffer<Self>, Buffer<Self>)> {
        let mut out = self.buffer(heads.rows * heads.query_width())?;
        let mut log_sums = self.buffer(heads.rows * heads.query_heads)?;
        let split = Split { values: split, heads };
        attention::forward(split, &layout.trees, &layout.first_keys, &mut out, &mut log_sums);
        Ok((out, log_sums))
    }

    fn attention_backward(
        &self,
        split: &Buffer<Self>,
        (out, log_sums): (&Buffer<Self>, &Buffer<Self>),
        dy: &Buffer<Self>,
        heads: Heads,
        layout: &CpuLayout,
    ) -> Result<Buffer<Self>> {
        let mut dheads = self.buffer(split.len())?;
        dheads.par_chunks_mut(rows_per_task(1)).for_each(|part| part.fill(0.0));
        let split = Split { values: split, heads };
        let saved = Saved { split, first_keys: &layout.first_keys, out, log_sums, dy };
        attention_backward::backward(saved, &layout.trees, &mut dheads);
        Ok(dheads)
    }

    fn swiglu(&self, gate_up: &Buffer<Self>, inner: usize) -> Result<Buffer<Self>> {
        let mut out = self.buffer(gate_up.len() / 2)?;
        swiglu::forward(gate_up, inner, &mut out);
        Ok(out)
    }

    fn swiglu_backward(&self, gate_up: &mut Buffer<Self>, inner: usize, dy: &Buffer<Self>) -> Result<()> {
        swiglu::backward(gate_up, inner, dy);
        Ok(())
    }

    fn softmax_state(&self, rows: usize) -> Result<Buffer<Self>> {
        let mut state = self.zeroed(rows * SOFTMAX_STATE)?;
        state.iter_mut().step_by(SOFTMAX_STATE).for_each(|max| *max = f32::NEG_INFINITY);
        Ok(state)
    }

    fn softmax_block(
        &self,
        logits: &Buffer<Self>,
        block: LogitsBlock,
        targets: &Self::Ids,
        state: &mut Buffer<Self>,
    ) -> Result<()> {
        softmax::block(logits, block, targets, state);
        Ok(())
    }

    fn softmax_finish(&self, state: &Buffer<Self>) -> Result<[Buffer<Self>; 2]> {
        let rows = state.len() / SOFTMAX_STATE;
        let (mut log_probs, mut entropies) = (self.buffer(rows)?, self.buffer(rows)?);
        softmax::finish(state, &mut log_probs, &mut entropies);
        Ok([log_probs, entropies])
    }

    fn softmax_block_backward(
        &self,
        logits: &mut Buffer<Self>,
        block: LogitsBlock,
        targets: &Self::Ids,
        state: &Buffer<Self>,
        [dlog_probs, dentropies]: [&Buffer<Self>; 2],
    ) -> Result<()> {
        softmax::block_backward(logits, block, targets, state, [dlog_probs, dentropies]);
        Ok(())
    }
}
