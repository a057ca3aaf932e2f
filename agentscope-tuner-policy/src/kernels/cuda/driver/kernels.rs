//! The training kernels of a GPU: what the trait asks for, by the operations.

use std::sync::Arc;

use cudarc::driver::CudaSlice;
use dfdx::tensor::{Cuda, CudaError};

use crate::{
    device::Buffer,
    kernels::{
        cuda::{
            card::Card,
            ops::{
                attention::{self, Layout},
                elementwise,
                embedding::{self, Ids},
                heads::{self, Norms},
                norm,
                product::{self, Output, View},
                softmax, swiglu,
            },
        },
        train::{HeadNorms, HeadNormsBackward, Heads, Kernels, LogitsBlock, Matrix, Shape, Target},
    },
};

type Result<T> = std::result::Result<T, CudaError>;

fn norms<'a>(norms: HeadNorms<'a, Cuda>) -> Norms<'a, Cuda> {
    Norms { query: norms.query, key: norms.key, eps: norms.eps }
}

fn view<'a>(matrix: &Matrix<'a, Cuda>) -> View<'a, Cuda> {
    let Matrix { values, offset, row_stride, column_stride } = *matrix;
    View { values, offset, row_stride, column_stride }
}

/// Token ids or row numbers on a GPU.
#[derive(Clone, Debug)]
pub struct CudaIds(Arc<Ids<Cuda>>);

/// A packed batch as the GPU's kernels want it.
#[derive(Debug)]
pub struct CudaLayout(Layout<Cuda>);

impl Kernels for Cuda {
    type Ids = CudaIds;
    type Layout = CudaLayout;

    fn buffer(&self, len: usize) -> Result<Buffer<Self>> {
        self.floats(len)
    }

    fn ids(&self, ids: &[u32]) -> Result<Self::Ids> {
        Ids::new(self, ids).map(|ids| CudaIds(Arc::new(ids)))
    }

    fn layout(
        &self,
        offsets: &[usize],
        branches: &[bool],
        window: Option<usize>,
        frequencies: &[f32],
    ) -> Result<Self::Layout> {
        Layout::new(self, offsets, branches, window, frequencies).map(CudaLayout)
    }

    fn product(
        &self,
        out: Target<'_, Self>,
        shape: Shape,
        alpha: f32,
        a: Matrix<'_, Self>,
        b: Matrix<'_, Self>,
    ) -> Result<()> {
        let Target { values, offset, row_stride, accumulate } = out;
        let out = Output { values, offset, row_stride, accumulate };
        product::product(self, out, shape, alpha, &view(&a), &view(&b))
    }

    fn copy(&self, values: &Buffer<Self>) -> Result<Buffer<Self>> {
        let len = Card::len(self, values);
        let mut out = self.floats(len)?;
        if len > 0 {
            let (source, out): (&CudaSlice<f32>, &mut CudaSlice<f32>) = (values, &mut out);
            source.device().dtod_copy(source, out)?;
        }
        Ok(out)
    }

    fn add(&self, into: &mut Buffer<Self>, values: &Buffer<Self>) -> Result<()> {
        elementwise::add(self, into, values)
    }

    fn spread(
        &self,
        rows: usize,
        bias: &Buffer<Self>,
        residual: Option<&Buffer<Self>>,
    ) -> Result<Buffer<Self>> {
        elementwise::spread(self, rows, bias, residual)
    }

    fn add_rows(&self, into: &mut Buffer<Self>, values: &Buffer<Self>) -> Result<()> {
        elementwise::add_rows(self, into, values)
    }

    fn gather(&self, table: &Buffer<Self>, columns: usize, ids: &Self::Ids) -> Result<Buffer<Self>> {
        embedding::gather(self, table, columns, &ids.0)
    }

    fn scatter_add(
        &self,
        table: &mut Buffer<Self>,
        columns: usize,
        ids: &Self::Ids,
        values: &Buffer<Self>,
    ) -> Result<()> {
        embedding::scatter_add(self, table, columns, &ids.0, values)
    }

    fn rms_norm(&self, x: &Buffer<Self>, scale: &Buffer<Self>, eps: f32) -> Result<Buffer<Self>> {
        norm::forward(self, x, scale, eps)
    }

    fn rms_norm_backward(
        &self,
        input: (&Buffer<Self>, &Buffer<Self>, f32),
        dy: &Buffer<Self>,
        dx: (&mut Buffer<Self>, bool),
        dscale: Option<&mut Buffer<Self>>,
    ) -> Result<()> {
        norm::backward(self, input, dy, dx, dscale)
    }

    fn split_heads(
        &self,
        qkv: &Buffer<Self>,
        heads: Heads,
        layout: &Self::Layout,
        scales: Option<HeadNorms<'_, Self>>,
    ) -> Result<Buffer<Self>> {
        heads::split(self, qkv, heads, &layout.0, scales.map(norms))
    }

    fn split_heads_backward(
        &self,
        dheads: &Buffer<Self>,
        heads: Heads,
        layout: &Self::Layout,
        backward: Option<HeadNormsBackward<'_, Self>>,
    ) -> Result<Buffer<Self>> {
        let (inputs, dscales) = match backward {
            Some(HeadNormsBackward { qkv, norms: scales, dscales }) => (Some((qkv, norms(scales))), dscales),
            None => (None, None),
        };
        heads::split_backward(self, dheads, heads, &layout.0, inputs, dscales)
    }

    fn attention(
        &self,
        split: &Buffer<Self>,
        heads: Heads,
        layout: &Self::Layout,
    ) -> Result<(Buffer<Self>, Buffer<Self>)> {
        attention::forward(self, split, heads, &layout.0)
    }

    fn attention_backward(
        &self,
        split: &Buffer<Self>,
        output: (&Buffer<Self>, &Buffer<Self>),
        dy: &Buffer<Self>,
        heads: Heads,
        layout: &Self::Layout,
    ) -> Result<Buffer<Self>> {
        attention::backward(self, split, output, dy, heads, &layout.0)
    }

    fn swiglu(&self, gate_up: &Buffer<Self>, inner: usize) -> Result<Buffer<Self>> {
        swiglu::forward(self, gate_up, inner)
    }

    fn swiglu_backward(&self, gate_up: &mut Buffer<Self>, inner: usize, dy: &Buffer<Self>) -> Result<()> {
        swiglu::backward(self, gate_up, inner, dy)
    }

    fn softmax_state(&self, rows: usize) -> Result<Buffer<Self>> {
        softmax::state(self, rows)
    }

    fn softmax_block(
        &self,
        logits: &Buffer<Self>,
        block: LogitsBlock,
        targets: &Self::Ids,
        state: &mut Buffer<Self>,
    ) -> Result<()> {
        softmax::block(self, logits, block, &targets.0, state)
    }

    fn softmax_finish(&self, state: &Buffer<Self>) -> Result<[Buffer<Self>; 2]> {
        softmax::finish(self, state)
    }

    fn softmax_block_backward(
        &self,
        logits: &mut Buffer<Self>,
        block: LogitsBlock,
        targets: &Self::Ids,
        state: &Buffer<Self>,
        doutput: [&Buffer<Self>; 2],
    ) -> Result<()> {
        softmax::block_backward(self, logits, block, &targets.0, state, doutput)
    }
}
