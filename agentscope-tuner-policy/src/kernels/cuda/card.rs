//! What the operations ask of a card, and how a kernel is launched: the same for an NVIDIA GPU and for the emulator that
//! tests run on, so that geometry, arguments and their order are tested too.

use crate::device::Precision;

/// Threads of a warp.
pub(super) const WARP: usize = 32;
/// Shared memory that every card gives a block without being asked.
pub(super) const SHARED_BYTES: usize = 48 * 1024;

/// How many threads run a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Launch {
    /// Its name in the sources.
    pub(crate) kernel: &'static str,
    /// Blocks.
    pub(crate) grid: [u32; 3],
    /// Threads of a block, whole warps.
    pub(crate) threads: u32,
    /// Bytes of shared memory that its blocks are given beyond what they declare.
    pub(crate) shared_bytes: u32,
}

/// An argument of a kernel, in the order of its parameters.
#[derive(Debug)]
pub(crate) enum Argument<'a, C: Card + ?Sized> {
    /// Numbers to read.
    Read(&'a C::Floats),
    /// Numbers to read and write.
    Write(&'a mut C::Floats),
    /// Integers to read.
    Words(&'a C::Words),
    /// No buffer where one is optional.
    Null,
    /// A 32-bit integer.
    Count(u32),
    /// A 64-bit integer.
    Length(u64),
    /// A number.
    Real(f32),
}

/// `out = alpha left right + beta out` on column-major matrices, as BLAS counts: `left` is m x k, `right` k x n.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gemm {
    pub(crate) m: i32,
    pub(crate) n: i32,
    pub(crate) k: i32,
    pub(crate) alpha: f32,
    pub(crate) beta: f32,
    pub(crate) left: Operand,
    pub(crate) right: Operand,
    pub(crate) out: Operand,
    /// Both inputs are bf16, two in the place of an f32; offsets are 0.
    pub(crate) half: bool,
}

/// Where a matrix of a [`Gemm`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operand {
    /// Rows stand where columns should.
    pub(crate) transposed: bool,
    /// Distance between columns as stored.
    pub(crate) leading: i32,
    /// The first number in the buffer.
    pub(crate) offset: usize,
}

/// Memory, kernels and products of a card. Work is done in the order in which it is asked for.
pub(crate) trait Card {
    /// f32 on the card.
    type Floats;
    /// u32 on the card.
    type Words;
    /// The card's refusal.
    type Error;

    fn len(&self, floats: &Self::Floats) -> usize;

    /// Numbers that mean nothing yet.
    fn floats(&self, len: usize) -> Result<Self::Floats, Self::Error>;

    fn upload(&self, values: &[f32]) -> Result<Self::Floats, Self::Error>;

    fn download(&self, values: &Self::Floats) -> Result<Vec<f32>, Self::Error>;

    /// Copies the numbers from `start` on, as many as `into` has.
    fn read(&self, values: &Self::Floats, start: usize, into: &mut [f32]) -> Result<(), Self::Error>;

    /// Copies integers to the card.
    fn words(&self, words: &[u32]) -> Result<Self::Words, Self::Error>;

    /// Starts a kernel.
    ///
    /// # Safety
    /// The arguments are those of the kernel, in order and kind, and with this geometry it stays within them.
    #[expect(unsafe_code, reason = "kernels go through memory unchecked")]
    unsafe fn launch(&self, launch: Launch, arguments: &mut [Argument<'_, Self>]) -> Result<(), Self::Error>;

    /// Starts a product in the given precision (`half` inputs are rounded already).
    ///
    /// # Safety
    /// The three matrices lie within their buffers.
    #[expect(unsafe_code, reason = "BLAS goes through memory unchecked")]
    unsafe fn multiply(
        &self,
        gemm: &Gemm,
        left: &Self::Floats,
        right: &Self::Floats,
        out: &mut Self::Floats,
    ) -> Result<(), Self::Error>;

    /// The precision that products are to have on the device of a buffer.
    fn precision(&self, buffer: &Self::Floats) -> Result<Precision, Self::Error>;

    /// The error for sizes that do not fit each other.
    fn misfit(&self) -> Self::Error;

    /// That error unless `fits`.
    fn check(&self, fits: bool) -> Result<(), Self::Error> {
        if fits { Ok(()) } else { Err(self.misfit()) }
    }
}

impl Launch {
    /// One thread an element, up to a number of blocks that fills any card; threads go on with later elements.
    pub(super) fn elements(kernel: &'static str, count: usize) -> Self {
        const THREADS: usize = 256;
        const MOST_BLOCKS: usize = 8192;
        let blocks = count.div_ceil(THREADS).clamp(1, MOST_BLOCKS);
        Self { kernel, grid: [blocks as u32, 1, 1], threads: THREADS as u32, shared_bytes: 0 }
    }

    /// One thread each for `count` things, all at once.
    pub(super) fn threads(kernel: &'static str, count: usize) -> Self {
        const THREADS: usize = 128;
        Self { kernel, grid: [size(count.div_ceil(THREADS)), 1, 1], threads: THREADS as u32, shared_bytes: 0 }
    }

    /// One warp each for `count` things, all at once.
    pub(super) fn warps(kernel: &'static str, count: usize) -> Self {
        const WARPS: usize = 4;
        let threads = (WARPS * WARP) as u32;
        Self { kernel, grid: [size(count.div_ceil(WARPS)), 1, 1], threads, shared_bytes: 0 }
    }

    /// One block a row: enough threads that each has about four of the columns.
    pub(super) fn rows(kernel: &'static str, rows: usize, columns: usize) -> Self {
        let threads = columns.div_ceil(4).next_multiple_of(WARP).clamp(WARP, 256);
        Self { kernel, grid: [size(rows), 1, 1], threads: threads as u32, shared_bytes: 0 }
    }
}

/// A size as kernels take it.
///
/// # Panics
/// Beyond 2³², which no row, column or head count reaches: the buffer would hold 16 GiB in one dimension.
pub(super) fn size(count: usize) -> u32 {
    u32::try_from(count).expect("a dimension of a buffer is below 2^32")
}

/// A size as an argument.
pub(super) fn count<'a, C: Card + ?Sized>(count: usize) -> Argument<'a, C> {
    Argument::Count(size(count))
}

/// A number of elements as an argument.
pub(super) fn length<'a, C: Card + ?Sized>(count: usize) -> Argument<'a, C> {
    Argument::Length(count as u64)
}
