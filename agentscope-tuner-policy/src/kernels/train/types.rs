//! The arguments of kernels: sizes, and matrices within buffers.

use crate::device::{Buffer, Device};

/// Sizes of a product: `rows x inner` times `inner x columns`.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Rows of the left matrix and of the output.
    pub rows: usize,
    /// Columns of the right matrix and of the output.
    pub columns: usize,
    /// Columns of the left and rows of the right matrix.
    pub inner: usize,
}

impl Shape {
    pub(super) fn is_empty(self) -> bool {
        self.rows == 0 || self.columns == 0 || self.inner == 0
    }
}

/// A matrix to read: element (i, j) stands at `offset + i * row_stride + j * column_stride` of the buffer.
#[derive(Debug)]
pub struct Matrix<'a, D: Device> {
    /// The numbers.
    pub values: &'a Buffer<D>,
    /// Where the first element stands.
    pub offset: usize,
    /// Distance between rows.
    pub row_stride: usize,
    /// Distance between columns.
    pub column_stride: usize,
}

impl<'a, D: Device> Matrix<'a, D> {
    /// The matrix of `columns` columns that fills `values`.
    pub fn new(values: &'a Buffer<D>, columns: usize) -> Self {
        Self { values, offset: 0, row_stride: columns, column_stride: 1 }
    }

    /// The same without its first `rows` rows and `columns` columns.
    #[must_use]
    pub fn skip(self, rows: usize, columns: usize) -> Self {
        let offset = self.offset + rows * self.row_stride + columns * self.column_stride;
        Self { offset, ..self }
    }

    /// Rows for columns.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self { row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }
}

/// A matrix to write, and whether what it holds stays and is added to.
#[derive(Debug)]
pub struct Target<'a, D: Device> {
    /// The numbers.
    pub values: &'a mut Buffer<D>,
    /// Where the first element stands.
    pub offset: usize,
    /// Distance between rows.
    pub row_stride: usize,
    /// Add to what is there.
    pub accumulate: bool,
}

/// Sizes of an attention.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// Rows of the packed batch.
    pub rows: usize,
    /// Query heads.
    pub query_heads: usize,
    /// Key and value heads, each shared by `query_heads / kv_heads` query heads.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
}

impl Heads {
    /// Width of a row of q, k and v side by side.
    pub fn width(self) -> usize {
        self.total() * self.head_dim
    }

    /// Query, key and value heads.
    pub(crate) fn total(self) -> usize {
        self.query_heads + 2 * self.kv_heads
    }

    /// Width of a row of outputs.
    pub(crate) fn query_width(self) -> usize {
        self.query_heads * self.head_dim
    }
}

/// The scales of the RMSNorm of each query and key head.
#[derive(Debug)]
pub struct HeadNorms<'a, D: Device> {
    /// Of the query heads, `head_dim` numbers.
    pub query: &'a Buffer<D>,
    /// Of the key heads.
    pub key: &'a Buffer<D>,
    /// Added to the mean square before the root.
    pub eps: f32,
}

/// A block of columns of the logits.
#[derive(Clone, Copy, Debug)]
pub struct LogitsBlock {
    /// Rows in the block.
    pub rows: usize,
    /// The first of these among all rows.
    pub first_row: usize,
    /// Columns in the block.
    pub columns: usize,
    /// Token of the first column.
    pub first_column: usize,
}

/// Numbers kept for each row by [`Kernels::softmax_block`]: maximum, Σ eˡ⁻ᵐ, Σ (l−m) eˡ⁻ᵐ, and the target's logit.
pub(crate) const SOFTMAX_STATE: usize = 4;

/// What [`Kernels::split_heads_backward`] needs where heads were normalised.
#[derive(Debug)]
pub struct HeadNormsBackward<'a, D: Device> {
    /// The rows before the split.
    pub qkv: &'a Buffer<D>,
    /// The scales.
    pub norms: HeadNorms<'a, D>,
    /// The gradients of the query's and the key's scale, added to.
    pub dscales: Option<[&'a mut Buffer<D>; 2]>,
}
