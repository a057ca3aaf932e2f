//! Where numbers live: dfdx's devices, with the two copies that every device must offer.

use std::fmt;

use dfdx::tensor::Storage;

pub use dfdx::tensor::Cpu;
#[cfg(feature = "cuda")]
pub use dfdx::tensor::Cuda;

#[cfg(feature = "cuda")]
pub use crate::kernels::cuda::{cuda, set_precision};

use crate::error::{Error, Result};

/// Where a model computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// The CPU: the same bits, whatever the number of threads.
    #[default]
    Cpu,
    /// The first NVIDIA GPU. Needs the feature `cuda`.
    Cuda,
}

/// How products treat their inputs; outputs, sums and what is stored are f32 in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 24 bits of significand.
    #[default]
    F32,
    /// Tensor cores with 11 bits of significand and the range of f32, from Ampere on.
    Tf32,
    /// Inputs are rounded to bfloat16, 8 bits of significand and the range of f32, in scratch memory; from Ampere on.
    Bf16,
}

/// What is said of a device that only the feature `cuda` gives.
pub const WITHOUT_GPUS: &str = "device is cuda, but this program was built without it: build with `--features cuda` (docs/cuda.md), or set device to cpu";

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        })
    }
}

/// Device memory of 32-bit floats.
pub type Buffer<D> = <D as Storage<f32>>::Vec;

/// A dfdx device that parameters can be moved to and from.
pub trait Device: Storage<f32> {
    /// Copies `values` into a new buffer of the device.
    ///
    /// # Errors
    /// When the device has no memory left.
    fn upload(&self, values: &[f32]) -> Result<Buffer<Self>>;

    /// [`upload`](Self::upload) of numbers that nobody else needs: on the CPU they only change hands.
    ///
    /// # Errors
    /// As [`upload`](Self::upload).
    fn adopt(&self, values: Vec<f32>) -> Result<Buffer<Self>> {
        self.upload(&values)
    }

    /// Copies a buffer to the host.
    ///
    /// # Errors
    /// When the device fails.
    fn download(&self, buffer: &Buffer<Self>) -> Result<Vec<f32>>;
}

impl Device for Cpu {
    fn upload(&self, values: &[f32]) -> Result<Buffer<Self>> {
        let mut buffer = Storage::<f32>::try_alloc_len(self, values.len()).map_err(Error::from)?;
        buffer.copy_from_slice(values);
        Ok(buffer)
    }

    fn adopt(&self, values: Vec<f32>) -> Result<Buffer<Self>> {
        let mut buffer = Storage::<f32>::try_alloc_len(self, 0).map_err(Error::from)?;
        *buffer = values;
        Ok(buffer)
    }

    fn download(&self, buffer: &Buffer<Self>) -> Result<Vec<f32>> {
        Ok(buffer.to_vec())
    }
}
