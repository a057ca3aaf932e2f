//! A real card: dfdx's device for memory and identity, NVRTC for our kernels, cuBLAS for products.

mod card;
mod compile;
mod context;
mod kernels;

use std::sync::Arc;

use cudarc::driver::{DriverError, sys::CUresult};
use dfdx::tensor::{Cuda, CudaError};

use self::context::Context;
use crate::{
    device::{Buffer, Device, Precision},
    error::{Error, ErrorKind, Result},
};

/// A device of NVIDIA GPU number `ordinal`, with its kernels compiled. Make one and clone it: all buffers of a model
/// belong to one device, and it lives as long as the process. dfdx's device is not `Send`, so it stays on its thread.
///
/// # Errors
/// When there is no such GPU or no driver, the driver refuses what dfdx asks of it, or the kernels do not compile for
/// this GPU; the message says which, and what to do.
pub fn cuda(ordinal: usize) -> Result<Cuda> {
    context::device(ordinal)
}

/// Sets how products on the device treat their inputs, from now on: [`Precision::F32`] at first. What is stored
/// (parameters, activations, gradients, moments) is f32 in any case.
///
/// # Errors
/// When the kernels do not compile for this GPU.
pub fn set_precision(device: &Cuda, precision: Precision) -> Result<()> {
    Context::of(device)?.set_precision(precision);
    Ok(())
}

impl Device for Cuda {
    fn upload(&self, values: &[f32]) -> Result<Buffer<Self>> {
        super::card::Card::upload(self, values).map_err(Into::into)
    }

    fn download(&self, buffer: &Buffer<Self>) -> Result<Vec<f32>> {
        super::card::Card::download(self, buffer).map_err(Into::into)
    }
}

impl From<CudaError> for Error {
    fn from(error: CudaError) -> Self {
        let message = match &error {
            CudaError::Driver(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY)) => {
                "the GPU has no memory left; use smaller micro-batches, recompute activations, or train an adapter"
                    .to_owned()
            }
            CudaError::Driver(DriverError(CUresult::CUDA_ERROR_INVALID_SOURCE)) => compile::failure(),
            CudaError::Cpu(_) => "buffers on the GPU differ in size from what the operation needs, or a head is wider \
                                  than 256; this model cannot be trained on a GPU as it is"
                .to_owned(),
            other => format!("the GPU refused: {other}"),
        };
        Self::new(ErrorKind::Device, message)
    }
}

/// Shared by all clones of a device.
type Shared = Arc<Context>;

#[cfg(test)]
mod tests {
    use super::*;

    /// With a driver or with a stub of one.
    #[test]
    fn a_gpu_that_is_not_there_is_named() {
        let error = cuda(4096).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Device);
        let message = error.to_string();
        assert!(message.contains("GPU 4096 cannot be used") && message.contains("nvidia-smi"), "{message}");
    }
}
