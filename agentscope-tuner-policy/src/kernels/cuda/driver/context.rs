//! What a card has besides dfdx's device: our kernels, a cuBLAS handle, and the precision of products.

#![expect(unsafe_code, reason = "the driver takes handles and pointers")]

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

use cudarc::{
    cublas::CudaBlas,
    driver::{
        CudaDevice, DriverError,
        sys::{self, CUdevice_attribute, CUfunction, CUmemPool_attribute},
    },
};
use dfdx::tensor::{Cuda, CudaError, Storage};

use super::{Shared, compile};
use crate::{
    device::Precision,
    error::{Error, ErrorKind, Result},
};

/// One for each of cudarc's devices; they live as long as the process, as devices do.
static CONTEXTS: Mutex<Vec<Shared>> = Mutex::new(Vec::new());
/// By the GPU's number: cudarc's devices of one GPU share its primary context, where modules are loaded.
static FUNCTIONS: Mutex<BTreeMap<usize, Arc<Functions>>> = Mutex::new(BTreeMap::new());

/// Kernels by name.
struct Functions(BTreeMap<&'static str, CUfunction>);

// SAFETY: the handles are pointers that the driver lets any thread use. They stay valid: their modules are never
// unloaded, nor is the context destroyed, since `CONTEXTS` keeps a device of it.
unsafe impl Send for Functions {}
// SAFETY: as above; nothing is ever changed.
unsafe impl Sync for Functions {}

/// What our kernels need of a card.
pub(super) struct Context {
    pub(super) device: Arc<CudaDevice>,
    pub(super) blas: CudaBlas,
    functions: Arc<Functions>,
    precision: AtomicU8,
}

impl Context {
    /// That of a device, made when it is first asked for.
    pub(super) fn of(device: &Cuda) -> std::result::Result<Shared, CudaError> {
        // dfdx keeps its handle private, but every buffer tells its device.
        let device = Storage::<f32>::try_alloc_len(device, 0)?.device();
        Self::of_device(&device)
    }

    /// That of one of cudarc's devices.
    pub(super) fn of_device(device: &Arc<CudaDevice>) -> std::result::Result<Shared, CudaError> {
        let mut contexts = CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(context) = contexts.iter().find(|context| Arc::ptr_eq(&context.device, device)) {
            return Ok(Arc::clone(context));
        }
        let context = Arc::new(Self::new(device)?);
        contexts.push(Arc::clone(&context));
        Ok(context)
    }

    fn new(device: &Arc<CudaDevice>) -> std::result::Result<Self, CudaError> {
        device.bind_to_thread()?;
        let blas = CudaBlas::new(Arc::clone(device))?;
        keep_freed_memory(device)?;
        let functions = Self::functions(device)?;
        Ok(Self { device: Arc::clone(device), blas, functions, precision: AtomicU8::new(0) })
    }

    /// The kernels, compiled when a device of this GPU first needs them.
    fn functions(device: &CudaDevice) -> std::result::Result<Arc<Functions>, DriverError> {
        let mut compiled = FUNCTIONS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(functions) = compiled.get(&device.ordinal()) {
            return Ok(Arc::clone(functions));
        }
        let major = device.attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
        let minor = device.attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        let functions = Arc::new(Functions(compile::functions((major, minor))?));
        compiled.insert(device.ordinal(), Arc::clone(&functions));
        Ok(functions)
    }

    /// A kernel by its name.
    pub(super) fn function(&self, name: &str) -> Option<CUfunction> {
        self.functions.0.get(name).copied()
    }

    pub(super) fn precision(&self) -> Precision {
        match self.precision.load(Ordering::Relaxed) {
            0 => Precision::F32,
            1 => Precision::Tf32,
            _ => Precision::Bf16,
        }
    }

    pub(super) fn set_precision(&self, precision: Precision) {
        let number = match precision {
            Precision::F32 => 0,
            Precision::Tf32 => 1,
            Precision::Bf16 => 2,
        };
        self.precision.store(number, Ordering::Relaxed);
    }
}

/// Lets the driver keep what is freed for what is allocated next, instead of giving it back at every synchronisation.
fn keep_freed_memory(device: &CudaDevice) -> std::result::Result<(), DriverError> {
    let supported = CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED;
    if device.attribute(supported)? == 0 {
        return Ok(());
    }
    let (mut pool, mut threshold) = (std::ptr::null_mut(), u64::MAX);
    let attribute = CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: the device exists, `pool` takes its default pool, and this attribute is a 64-bit number of bytes.
    unsafe {
        sys::cuDeviceGetDefaultMemPool(&raw mut pool, *device.cu_device()).result()?;
        sys::cuMemPoolSetAttribute(pool, attribute, (&raw mut threshold).cast()).result()
    }
}

/// A device of a GPU.
pub(super) fn device(ordinal: usize) -> Result<Cuda> {
    let device = build(ordinal)?;
    Context::of(&device)?;
    Ok(device)
}

fn build(ordinal: usize) -> Result<Cuda> {
    // cudarc unwraps inside where a thread cannot be bound to the GPU.
    let built = catch_unwind(AssertUnwindSafe(|| Cuda::try_build(ordinal, 0)));
    let reason = match built {
        Ok(Ok(device)) => return Ok(device),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the CUDA driver could not be started".to_owned(),
    };
    Err(Error::new(ErrorKind::Device, format!("GPU {ordinal} cannot be used: {reason}. {REMEDY}")))
}

const REMEDY: &str = "Look whether `nvidia-smi` lists it and CUDA_VISIBLE_DEVICES leaves it visible. A driver that \
                      answers CUDA_ERROR_INVALID_VALUE refuses the empty buffers that dfdx 0.13 allocates: use an older \
                      driver, or train on the CPU";
