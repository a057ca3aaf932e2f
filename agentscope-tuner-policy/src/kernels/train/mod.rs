//! What the training pass asks of a device: a few large fused kernels, forward and backward.
//!
//! Matrices are row-major. An output buffer is made by the kernel and written once; a gradient is written or added to,
//! because the tape accumulates.

mod attention;
mod attention_backward;
mod cpu;
mod embedding;
mod heads;
pub(crate) mod layout;
mod norm;
mod parallel;
mod pool;
mod product;
mod reduce;
mod softmax;
mod swiglu;
mod types;

use dfdx::tensor::{HasErr, Storage};

use crate::{
    device::{Buffer, Device},
    error::Error,
};

pub(crate) use types::{
    HeadNorms, HeadNormsBackward, Heads, LogitsBlock, Matrix, SOFTMAX_STATE, Shape, Target,
};

/// A device that training runs on.
pub trait Kernels: Device + dfdx::tensor_ops::Device<f32> + HasErr<Err: Into<Error>> {
    /// Token ids or row numbers on the device.
    type Ids: Clone + 'static;
    /// Where sequences lie within a packed batch, and the angles of the rotary embedding.
    type Layout: 'static;

    /// A buffer of zeros.
    fn zeroed(&self, len: usize) -> Result<Buffer<Self>, Self::Err> {
        Storage::<f32>::try_alloc_len(self, len)
    }

    /// A buffer whose numbers mean nothing, for kernels that write all of it.
    fn buffer(&self, len: usize) -> Result<Buffer<Self>, Self::Err> {
        self.zeroed(len)
    }

    /// Takes back a buffer that is no longer needed.
    fn recycle(&self, buffer: Buffer<Self>) {
        drop(buffer);
    }

    /// Whether a buffer has no numbers at all.
    fn is_empty(&self, buffer: &Buffer<Self>) -> bool {
        Storage::<f32>::len(self, buffer) == 0
    }

    /// Copies ids to the device.
    fn ids(&self, ids: &[u32]) -> Result<Self::Ids, Self::Err>;

    /// Prepares a packed batch: sequence `i` is rows `offsets[i]..offsets[i + 1]`, and each row attends to the last
    /// `window` rows of its sequence, itself included. Where `branches[i]`, it goes on from the last sequence before it that
    /// is no branch, and attends to all of that too. `frequencies` are radians a position, one for each rotary pair.
    fn layout(
        &self,
        offsets: &[usize],
        branches: &[bool],
        window: Option<usize>,
        frequencies: &[f32],
    ) -> Result<Self::Layout, Self::Err>;

    /// `out = alpha a b`, or `out += alpha a b`.
    fn product(
        &self,
        out: Target<'_, Self>,
        shape: Shape,
        alpha: f32,
        a: Matrix<'_, Self>,
        b: Matrix<'_, Self>,
    ) -> Result<(), Self::Err>;

    /// The same numbers in a buffer of their own.
    fn copy(&self, values: &Buffer<Self>) -> Result<Buffer<Self>, Self::Err>;

    /// `into += values`.
    fn add(&self, into: &mut Buffer<Self>, values: &Buffer<Self>) -> Result<(), Self::Err>;

    /// `rows` copies of the row `bias`, plus `residual`.
    fn spread(
        &self,
        rows: usize,
        bias: &Buffer<Self>,
        residual: Option<&Buffer<Self>>,
    ) -> Result<Buffer<Self>, Self::Err>;

    /// Adds the sum of the rows of `values` to the row `into`.
    fn add_rows(&self, into: &mut Buffer<Self>, values: &Buffer<Self>) -> Result<(), Self::Err>;

    /// The rows of `table` (of `columns` numbers) that `ids` name.
    fn gather(
        &self,
        table: &Buffer<Self>,
        columns: usize,
        ids: &Self::Ids,
    ) -> Result<Buffer<Self>, Self::Err>;

    /// Adds each row of `values` to the row of `table` that `ids` name.
    fn scatter_add(
        &self,
        table: &mut Buffer<Self>,
        columns: usize,
        ids: &Self::Ids,
        values: &Buffer<Self>,
    ) -> Result<(), Self::Err>;

    /// x / √(mean x² + eps) · scale for each row.
    fn rms_norm(&self, x: &Buffer<Self>, scale: &Buffer<Self>, eps: f32) -> Result<Buffer<Self>, Self::Err>;

    /// Its gradients: `dx` is written or added to, `dscale` added to.
    fn rms_norm_backward(
        &self,
        input: (&Buffer<Self>, &Buffer<Self>, f32),
        dy: &Buffer<Self>,
        dx: (&mut Buffer<Self>, bool),
        dscale: Option<&mut Buffer<Self>>,
    ) -> Result<(), Self::Err>;

    /// From rows of q, k and v side by side to one matrix a head (`heads x rows x head_dim`, q over k over v), with q
    /// and k normalised where asked, then rotated.
    fn split_heads(
        &self,
        qkv: &Buffer<Self>,
        heads: Heads,
        layout: &Self::Layout,
        norms: Option<HeadNorms<'_, Self>>,
    ) -> Result<Buffer<Self>, Self::Err>;

    /// The gradient of [`split_heads`](Self::split_heads)' input. With norms, also needs that input, and adds to the
    /// gradients of the scales.
    fn split_heads_backward(
        &self,
        dheads: &Buffer<Self>,
        heads: Heads,
        layout: &Self::Layout,
        norms: Option<HeadNormsBackward<'_, Self>>,
    ) -> Result<Buffer<Self>, Self::Err>;

    /// Causal attention within each sequence: the output (`rows x query_width`) and the log-sum-exp of each row's
    /// scores (`rows x query_heads`).
    fn attention(
        &self,
        split: &Buffer<Self>,
        heads: Heads,
        layout: &Self::Layout,
    ) -> Result<(Buffer<Self>, Buffer<Self>), Self::Err>;

    /// The gradient of the heads, from what [`attention`](Self::attention) read and gave.
    fn attention_backward(
        &self,
        split: &Buffer<Self>,
        output: (&Buffer<Self>, &Buffer<Self>),
        dy: &Buffer<Self>,
        heads: Heads,
        layout: &Self::Layout,
    ) -> Result<Buffer<Self>, Self::Err>;

    /// silu(gate) · up, of rows that hold `inner` numbers of gate, then as many of up.
    fn swiglu(&self, gate_up: &Buffer<Self>, inner: usize) -> Result<Buffer<Self>, Self::Err>;

    /// Turns gate and up into their gradients.
    fn swiglu_backward(
        &self,
        gate_up: &mut Buffer<Self>,
        inner: usize,
        dy: &Buffer<Self>,
    ) -> Result<(), Self::Err>;

    /// The state of `rows` rows before any block: maxima at -∞, sums at 0.
    fn softmax_state(&self, rows: usize) -> Result<Buffer<Self>, Self::Err>;

    /// Takes a block of logits into the rows' state.
    fn softmax_block(
        &self,
        logits: &Buffer<Self>,
        block: LogitsBlock,
        targets: &Self::Ids,
        state: &mut Buffer<Self>,
    ) -> Result<(), Self::Err>;

    /// Log-probability of the target and entropy of each row, in nats.
    fn softmax_finish(&self, state: &Buffer<Self>) -> Result<[Buffer<Self>; 2], Self::Err>;

    /// Turns a block of logits into their gradients, given those of the log-probabilities and of the entropies.
    fn softmax_block_backward(
        &self,
        logits: &mut Buffer<Self>,
        block: LogitsBlock,
        targets: &Self::Ids,
        state: &Buffer<Self>,
        doutput: [&Buffer<Self>; 2],
    ) -> Result<(), Self::Err>;
}
