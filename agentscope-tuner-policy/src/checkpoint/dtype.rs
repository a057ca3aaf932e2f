//! The element types of weight files, and their way from and to f32.

use half::{bf16, f16, slice::HalfFloatSliceExt};

/// The element type of stored weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dtype {
    /// 32 bits: what training keeps, nothing is lost.
    #[default]
    F32,
    /// 16 bits with the range of f32 and 8 bits of precision.
    Bf16,
    /// 16 bits with 11 bits of precision, up to 65,504.
    F16,
}

impl Dtype {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 | Self::F16 => 2,
        }
    }

    /// The name in `config.json`: that of the PyTorch type.
    pub fn torch_name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::Bf16 => "bfloat16",
            Self::F16 => "float16",
        }
    }

    pub(super) fn from_stored(stored: safetensors::Dtype) -> Option<Self> {
        match stored {
            safetensors::Dtype::F32 => Some(Self::F32),
            safetensors::Dtype::BF16 => Some(Self::Bf16),
            safetensors::Dtype::F16 => Some(Self::F16),
            _ => None,
        }
    }

    pub(super) fn stored(self) -> safetensors::Dtype {
        match self {
            Self::F32 => safetensors::Dtype::F32,
            Self::Bf16 => safetensors::Dtype::BF16,
            Self::F16 => safetensors::Dtype::F16,
        }
    }

    /// Appends the little-endian elements of `bytes`, whose length is a multiple of [`size`](Self::size).
    pub(super) fn decode(self, bytes: &[u8], values: &mut Vec<f32>) {
        match self {
            Self::F32 => {
                values.extend(bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)));
            }
            Self::Bf16 => {
                values.extend(bytes.as_chunks().0.iter().map(|two| bf16::from_le_bytes(*two).to_f32()));
            }
            Self::F16 => {
                let halves: Vec<_> = bytes.as_chunks().0.iter().map(|two| f16::from_le_bytes(*two)).collect();
                let start = values.len();
                values.resize(start + halves.len(), 0.0);
                // In one go, which uses the processor's conversion where it has one.
                halves.convert_to_f32_slice(&mut values[start..]);
            }
        }
    }

    /// Appends `values` as little-endian elements, rounded to nearest, ties to even.
    pub(super) fn encode(self, values: &[f32], bytes: &mut Vec<u8>) {
        match self {
            Self::F32 => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::Bf16 => bytes.extend(values.iter().flat_map(|value| bf16::from_f32(*value).to_le_bytes())),
            Self::F16 => bytes.extend(values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes())),
        }
    }

    /// Whether all `values` are finite once they are stored.
    pub(super) fn holds(self, values: &[f32]) -> bool {
        let limit = self.limit();
        // No early end: the plain loop is as fast as memory.
        values.iter().fold(true, |all, value| all & (value.abs() < limit))
    }

    /// The smallest positive number that is rounded to infinity: half a step above the largest finite one.
    fn limit(self) -> f32 {
        match self {
            Self::F32 => f32::INFINITY,
            Self::Bf16 => f32::from_bits(0x7f7f_8000),
            Self::F16 => 65_520.0,
        }
    }
}
