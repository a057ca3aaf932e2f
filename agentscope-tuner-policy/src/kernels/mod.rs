//! The arithmetic on the CPU. Loops are plain Rust, compiled once for each instruction set and chosen at run time.

pub(crate) mod columns;
pub(crate) mod kv_cache;
pub(crate) mod math;
pub(crate) mod packed;
pub(crate) mod rows;
pub(crate) mod threads;
pub(crate) mod train;

/// Runs `loops` compiled for the widest vectors of this machine.
///
/// The closure and all that it calls must be `#[inline(always)]`, or it stays at the baseline instruction set.
#[inline(always)]
pub(crate) fn vectorized<R>(loops: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(loops)
}
