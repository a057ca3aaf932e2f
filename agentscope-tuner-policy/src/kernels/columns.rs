//! A row-major matrix whose columns are written by several threads at once.

#![expect(unsafe_code, reason = "no safe slice covers some columns of every row")]

use std::marker::PhantomData;

/// A matrix on loan, to be written piece by piece from several threads.
pub(crate) struct Columns<'a> {
    start: *mut f32,
    len: usize,
    width: usize,
    matrix: PhantomData<&'a mut [f32]>,
}

// SAFETY: the pointer is used only through `slice`, whose caller promises that pieces never overlap; `f32` may be
// written from any thread.
unsafe impl Sync for Columns<'_> {}

impl<'a> Columns<'a> {
    /// Borrows `matrix`, whose rows are `width` long, for the life of the view.
    pub(crate) fn new(matrix: &'a mut [f32], width: usize) -> Self {
        Self { start: matrix.as_mut_ptr(), len: matrix.len(), width, matrix: PhantomData }
    }

    /// Columns `from .. from + count` of `row`.
    ///
    /// # Safety
    /// No other slice of this view that is still alive may share an element with this one.
    #[inline(always)]
    #[expect(clippy::mut_from_ref, reason = "pieces are disjoint by the contract")]
    pub(crate) unsafe fn slice(&self, row: usize, from: usize, count: usize) -> &mut [f32] {
        let start = row * self.width + from;
        assert!(from + count <= self.width && start + count <= self.len, "a piece lies inside its matrix");
        // SAFETY: the range was checked against the matrix, which this view borrows mutably for its whole life;
        // that no other live slice shares an element is the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), count) }
    }
}
