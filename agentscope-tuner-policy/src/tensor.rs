//! Tensors on the host, by name: what checkpoints hold and devices are filled from.

use std::collections::BTreeMap;

/// A tensor in the memory of the host, f32, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// As many values as the product of `shape`.
    pub data: Vec<f32>,
}

/// Tensors by their Hugging Face names, such as `model.layers.0.self_attn.q_proj.weight`.
pub type TensorMap = BTreeMap<String, HostTensor>;
