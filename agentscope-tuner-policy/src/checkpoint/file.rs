//! One safetensors file that is not a model: adapters, the state of an optimiser.

use std::path::Path;

use super::{
    atomic,
    dtype::Dtype,
    encode::{Named, write_tensors},
    header::WeightFile,
    layout::Weights,
    read::{not_finite, read_tensor},
};
use crate::{error::Result, tensor::TensorMap};

/// Writes `tensors` as f32; the file appears whole or not at all.
///
/// # Errors
/// When a number is not finite (nothing is then written), or the operating system refuses.
pub(crate) fn write_file(path: &Path, tensors: &TensorMap) -> Result<()> {
    if let Some((name, tensor)) = tensors.iter().find(|(_, tensor)| !Dtype::F32.holds(&tensor.data)) {
        return Err(not_finite(name, &tensor.data));
    }
    let named: Vec<Named<'_>> = tensors.iter().collect();
    atomic::write(path, |out| write_tensors(out, &named, Dtype::F32))
}

/// Reads all tensors of a file.
///
/// # Errors
/// When the file is missing, damaged, of another element type than f32, f16 or bf16, or holds a number that is not finite.
pub(crate) fn read_file(path: &Path) -> Result<TensorMap> {
    let file = WeightFile::open(path.into())?;
    let weights = Weights::of(&file)?;
    weights.iter().map(|(name, place)| Ok((name.clone(), read_tensor(name, place)?))).collect()
}
