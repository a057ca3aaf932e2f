//! The training kernels on NVIDIA GPUs.
//!
//! ```text
//! Kernels for Cuda ─ ops: sizes checked, geometry, arguments ─ Card ─┬─ driver: NVRTC, launches, cuBLAS
//!                                                                    └─ emulator: the same sources on the host (tests)
//! ```
//!
//! All kernels are f32 and deterministic: nothing is added atomically, and the order of every sum depends on the sizes
//! alone. docs/cuda.md says what is needed to build and run.

pub(crate) mod card;
#[cfg(feature = "cuda")]
mod driver;
pub(crate) mod ops;
mod source;
#[cfg(test)]
pub(crate) mod tests;

#[cfg(feature = "cuda")]
pub use self::driver::{cuda, set_precision};
