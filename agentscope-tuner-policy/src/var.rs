//! A matrix that dfdx's tape can follow.
//!
//! dfdx keeps the storage of its `Tensor` private, so an operation from outside could read a tensor only through a
//! copy. A [`Var`] therefore holds the storage itself and uses an empty dfdx tensor as its *node*: the identity under
//! which the tape orders operations and [`Gradients`](dfdx::tensor::Gradients) keeps the gradient.

use std::sync::Arc;

use dfdx::{
    shapes::Rank1,
    tensor::{NoneTape, PutTape, SplitTape, Storage, Tensor, ZerosTensor},
};

use crate::device::Buffer;

/// A row-major matrix (or, with one row, a vector) on device `D`, with the tape `T` of the operations that made it.
#[derive(Debug)]
pub struct Var<D: Storage<f32>, T = NoneTape> {
    node: Tensor<Rank1<0>, f32, D, T>,
    value: Arc<Buffer<D>>,
    rows: usize,
    columns: usize,
}

impl<D: Storage<f32> + ZerosTensor<f32>> Var<D> {
    /// A new leaf. `value` holds `rows * columns` numbers.
    pub fn new(device: &D, value: Buffer<D>, rows: usize, columns: usize) -> Self {
        debug_assert_eq!(device.len(&value), rows * columns, "a value must fill its shape");
        Self { node: device.zeros(), value: Arc::new(value), rows, columns }
    }
}

impl<D: Storage<f32>> Clone for Var<D> {
    fn clone(&self) -> Self {
        Self {
            node: self.node.clone(),
            value: Arc::clone(&self.value),
            rows: self.rows,
            columns: self.columns,
        }
    }
}

impl<D: Storage<f32>, T> Var<D, T> {
    /// The numbers, row-major.
    pub fn value(&self) -> &Buffer<D> {
        &self.value
    }

    /// The numbers to change in place; copied first when a tape still holds them.
    pub fn value_mut(&mut self) -> &mut Buffer<D> {
        Arc::make_mut(&mut self.value)
    }

    /// The numbers alone; copied when a tape still holds them.
    pub fn into_value(self) -> Buffer<D> {
        Arc::unwrap_or_clone(self.value)
    }

    /// The numbers alone, unless somebody else holds them too.
    pub fn try_into_value(self) -> Option<Buffer<D>> {
        Arc::into_inner(self.value)
    }

    /// The device of the numbers.
    pub fn device(&self) -> &D {
        self.node.device()
    }

    /// The identity of this matrix on the tape.
    pub fn node(&self) -> &Tensor<Rank1<0>, f32, D, T> {
        &self.node
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Takes the tape off, to add an operation to it.
    pub fn split_tape(self) -> (Var<D>, T) {
        let (node, tape) = self.node.split_tape();
        (Var { node, value: self.value, rows: self.rows, columns: self.columns }, tape)
    }
}

impl<D: Storage<f32>> Var<D> {
    /// Puts a tape on.
    pub fn put_tape<T>(self, tape: T) -> Var<D, T> {
        Var { node: self.node.put_tape(tape), value: self.value, rows: self.rows, columns: self.columns }
    }
}
