//! dfdx's CUDA device as a [`Card`].

#![expect(unsafe_code, reason = "kernels and cuBLAS take pointers")]

use std::{ffi::c_void, sync::Arc};

use cudarc::{
    cublas::{
        result::gemm_ex,
        sys::{cublasComputeType_t, cublasGemmAlgo_t, cublasOperation_t, cudaDataType_t},
    },
    driver::{CudaDevice, CudaSlice, DevicePtr, DevicePtrMut, DeviceSlice, result},
};
use dfdx::tensor::{CpuError, Cuda, CudaError, Storage};

use super::Context;
use crate::{
    device::{Buffer, Precision},
    kernels::cuda::card::{Argument, Card, Gemm, Launch, Operand},
};

type Result<T> = std::result::Result<T, CudaError>;

impl Card for Cuda {
    type Floats = Buffer<Cuda>;
    type Words = Arc<CudaSlice<u32>>;
    type Error = CudaError;

    fn len(&self, floats: &Self::Floats) -> usize {
        DeviceSlice::len(&**floats)
    }

    fn floats(&self, len: usize) -> Result<Self::Floats> {
        let mut buffer = Storage::<f32>::try_alloc_len(self, 0)?;
        if len > 0 {
            // SAFETY: any bits are an f32, and whoever asks for this buffer writes all of it before it reads.
            *buffer = unsafe { buffer.device().alloc(len)? };
        }
        Ok(buffer)
    }

    fn upload(&self, values: &[f32]) -> Result<Self::Floats> {
        let mut buffer = self.floats(values.len())?;
        if !values.is_empty() {
            buffer.device().htod_sync_copy_into(values, &mut *buffer)?;
        }
        Ok(buffer)
    }

    fn download(&self, values: &Self::Floats) -> Result<Vec<f32>> {
        match Card::len(self, values) {
            0 => Ok(Vec::new()),
            _ => Ok(values.device().dtoh_sync_copy(&**values)?),
        }
    }

    fn read(&self, values: &Self::Floats, start: usize, into: &mut [f32]) -> Result<()> {
        self.check(start + into.len() <= Card::len(self, values))?;
        if !into.is_empty() {
            values.device().dtoh_sync_copy_into(&values.slice(start..start + into.len()), into)?;
        }
        Ok(())
    }

    fn words(&self, words: &[u32]) -> Result<Self::Words> {
        let device = Storage::<f32>::try_alloc_len(self, 0)?.device();
        // An empty copy is refused by some drivers; nobody reads this word.
        let words = if words.is_empty() { &[0] } else { words };
        Ok(Arc::new(device.htod_sync_copy(words)?))
    }

    unsafe fn launch(&self, launch: Launch, arguments: &mut [Argument<'_, Self>]) -> Result<()> {
        let Launch { kernel, grid, threads, shared_bytes } = launch;
        let context = match arguments.iter().find_map(device) {
            Some(device) => Context::of_device(&device)?,
            None => Context::of(self)?,
        };
        let function = context.function(kernel).ok_or_else(|| self.misfit())?;
        let mut values: Vec<u64> = arguments.iter().map(value).collect();
        let mut pointers: Vec<*mut c_void> =
            values.iter_mut().map(|value| std::ptr::from_mut(value).cast()).collect();
        context.device.bind_to_thread()?;
        let (grid, block) = (grid.into(), (threads, 1, 1));
        let stream = *context.device.cu_stream();
        // SAFETY: that arguments and geometry are the kernel's is the caller's promise. The driver copies the arguments
        // before it returns; a 32-bit argument is the first half of its number (little-endian). Buffers are freed on the
        // same stream, so after the kernel.
        unsafe { result::launch_kernel(function, grid, block, shared_bytes, stream, &mut pointers)? };
        Ok(())
    }

    unsafe fn multiply(
        &self,
        gemm: &Gemm,
        left: &Self::Floats,
        right: &Self::Floats,
        out: &mut Self::Floats,
    ) -> Result<()> {
        let context = Context::of_device(&out.device())?;
        context.device.bind_to_thread()?;
        let input = if gemm.half { cudaDataType_t::CUDA_R_16BF } else { cudaDataType_t::CUDA_R_32F };
        let compute = match (gemm.half, context.precision()) {
            (false, Precision::Tf32) => cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32,
            _ => cublasComputeType_t::CUBLAS_COMPUTE_32F,
        };
        // SAFETY: the matrices lie within their buffers, as the caller promises; `alpha` and `beta` are read before the
        // call returns, and the handle works on the stream that buffers are allocated and freed on.
        unsafe {
            gemm_ex(
                *context.blas.handle(),
                operation(gemm.left),
                operation(gemm.right),
                gemm.m,
                gemm.n,
                gemm.k,
                (&raw const gemm.alpha).cast(),
                address(*left.device_ptr(), gemm.left),
                input,
                gemm.left.leading,
                address(*right.device_ptr(), gemm.right),
                input,
                gemm.right.leading,
                (&raw const gemm.beta).cast(),
                address(*out.device_ptr_mut(), gemm.out).cast_mut(),
                cudaDataType_t::CUDA_R_32F,
                gemm.out.leading,
                compute,
                cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
            )?;
        }
        Ok(())
    }

    fn precision(&self, buffer: &Self::Floats) -> Result<Precision> {
        Context::of_device(&buffer.device()).map(|context| context.precision())
    }

    fn misfit(&self) -> CudaError {
        CudaError::Cpu(CpuError::WrongNumElements)
    }
}

/// The device of a buffer: asking dfdx's device would allocate an empty one at every launch.
fn device(argument: &Argument<'_, Cuda>) -> Option<Arc<CudaDevice>> {
    match argument {
        Argument::Read(buffer) => Some(buffer.device()),
        Argument::Write(buffer) => Some(buffer.device()),
        _ => None,
    }
}

/// The bits that a kernel finds where its parameter is.
fn value(argument: &Argument<'_, Cuda>) -> u64 {
    match argument {
        Argument::Read(buffer) => *buffer.device_ptr(),
        Argument::Write(buffer) => *buffer.device_ptr(),
        Argument::Words(words) => *words.device_ptr(),
        Argument::Null => 0,
        Argument::Count(value) => u64::from(*value),
        Argument::Length(value) => *value,
        Argument::Real(value) => u64::from(value.to_bits()),
    }
}

fn operation(operand: Operand) -> cublasOperation_t {
    if operand.transposed { cublasOperation_t::CUBLAS_OP_T } else { cublasOperation_t::CUBLAS_OP_N }
}

/// Where a matrix begins in the memory of the GPU.
fn address(start: u64, operand: Operand) -> *const c_void {
    (start + (operand.offset * size_of::<f32>()) as u64) as *const c_void
}
