//! The arithmetic. On the CPU loops are plain Rust, compiled once for each instruction set and chosen at run time; `cuda` has
//! that of NVIDIA GPUs.

pub(crate) mod columns;
#[cfg(any(feature = "cuda", test))]
pub(crate) mod cuda;
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
