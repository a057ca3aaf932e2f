//! Where numbers live: dfdx's devices, with the two copies that every device must offer.

use dfdx::tensor::Storage;

pub use dfdx::tensor::Cpu;
#[cfg(feature = "cuda")]
pub use dfdx::tensor::Cuda;

#[cfg(any(feature = "cuda", test))]
pub use crate::kernels::train::cuda::Precision;
#[cfg(feature = "cuda")]
pub use crate::kernels::train::cuda::{cuda, set_precision};

use crate::error::{Error, Result};

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
