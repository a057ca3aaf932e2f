//! The operations of training and decoding as launches of kernels, for any [`Card`]. Each checks that the buffers have the
//! sizes that its kernel goes through: that is the proof of every `unsafe` block here.

#![expect(unsafe_code, reason = "kernels go through memory unchecked")]

pub(crate) mod attention;
pub(crate) mod decode;
pub(crate) mod elementwise;
pub(crate) mod embedding;
pub(crate) mod heads;
pub(crate) mod norm;
pub(crate) mod optimizer;
pub(crate) mod product;
pub(crate) mod softmax;
pub(crate) mod swiglu;

use super::card::{Argument, Card, Gemm, Launch, Operand, SHARED_BYTES, WARP, count, length, size};
use crate::device::Precision;
