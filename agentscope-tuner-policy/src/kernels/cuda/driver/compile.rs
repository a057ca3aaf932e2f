//! Kernels from text to functions that can be launched.

use std::{
    collections::BTreeMap,
    ffi::CString,
    sync::{Mutex, OnceLock, PoisonError},
};

use cudarc::{
    driver::{
        DriverError, result,
        sys::{CUfunction, CUresult},
    },
    nvrtc::{CompileError, CompileOptions, compile_ptx_with_opts},
};

use super::super::source::{SOURCE, kernels};

/// What NVRTC said when it last failed; dfdx's error has no room for it.
static FAILURE: Mutex<String> = Mutex::new(String::new());

/// The message for kernels that did not compile.
pub(super) fn failure() -> String {
    let log = FAILURE.lock().unwrap_or_else(PoisonError::into_inner);
    format!(
        "NVRTC could not compile the kernels for this GPU; use an NVRTC that knows it (from the CUDA toolkit of the \
         driver's version): {log}"
    )
}

/// PTX of all kernels for a compute capability such as (9, 0).
fn ptx(capability: (i32, i32)) -> Result<CString, DriverError> {
    let options = CompileOptions {
        // What NVRTC does unasked, said so that it stays: IEEE division and roots, subnormal numbers.
        ftz: Some(false),
        prec_div: Some(true),
        prec_sqrt: Some(true),
        arch: Some(architecture(capability)),
        ..CompileOptions::default()
    };
    let ptx = compile_ptx_with_opts(SOURCE, options).map_err(|error| refused(&log_of(error)))?;
    CString::new(ptx.to_src()).map_err(|error| refused(&error.to_string()))
}

/// Compiles all kernels for a compute capability, into the current context.
pub(super) fn functions(capability: (i32, i32)) -> Result<BTreeMap<&'static str, CUfunction>, DriverError> {
    let text = ptx(capability)?;
    #[expect(unsafe_code, reason = "the driver takes pointers")]
    // SAFETY: `text` is PTX that ends with a zero, as the driver expects of text; it copies what it needs.
    let module = unsafe { result::module::load_data(text.as_ptr().cast()) }?;
    kernels()
        .map(|name| {
            let label = CString::new(name).map_err(|error| refused(&error.to_string()))?;
            #[expect(unsafe_code, reason = "the driver takes handles")]
            // SAFETY: the module was loaded just now and is never unloaded.
            let function = unsafe { result::module::get_function(module, label) }?;
            Ok((name, function))
        })
        .collect()
}

/// NVRTC's name of a compute capability.
fn architecture((major, minor): (i32, i32)) -> &'static str {
    static NAMES: OnceLock<Mutex<BTreeMap<(i32, i32), &'static str>>> = OnceLock::new();
    let mut names = NAMES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    // cudarc wants a name that lives for ever; a process meets only a few cards.
    names.entry((major, minor)).or_insert_with(|| format!("compute_{major}{minor}").leak())
}

fn log_of(error: CompileError) -> String {
    match error {
        CompileError::CompileError { log, .. } => log.to_string_lossy().into_owned(),
        other => other.to_string(),
    }
}

fn refused(reason: &str) -> DriverError {
    *FAILURE.lock().unwrap_or_else(PoisonError::into_inner) = reason.to_owned();
    DriverError(CUresult::CUDA_ERROR_INVALID_SOURCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NVRTC needs no GPU.
    #[test]
    fn nvrtc_takes_the_kernels_for_every_architecture() {
        for capability in [(7, 5), (8, 0), (9, 0), (12, 0)] {
            let text = ptx(capability).map_err(|_| failure()).unwrap();
            for name in kernels() {
                let entry = format!(".entry {name}(");
                assert!(text.to_string_lossy().contains(&entry), "{capability:?} has no {name}");
            }
        }
    }

    #[test]
    fn what_nvrtc_says_is_told() {
        assert!(ptx((1, 0)).is_err());
        assert!(failure().contains("could not compile the kernels"), "{}", failure());
    }
}
