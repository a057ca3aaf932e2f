//! The optimiser's memory as named tensors, so that a run goes on bit for bit.

use std::path::Path;

use super::{AdamW, AdamWSettings, Moments, UpdateKernels};
use crate::{
    checkpoint::{read_file, write_file},
    error::{Error, ErrorKind, Result},
    params::Param,
    tensor::{HostTensor, TensorMap},
};

/// PyTorch's names of the moments.
const MOMENTS: [&str; 2] = ["exp_avg", "exp_avg_sq"];
const STEPS: &str = "step";
/// Steps are stored as two numbers that f32 holds exactly.
const STEP_BASE: u64 = 1 << 20;

impl<D: UpdateKernels> AdamW<D> {
    /// Steps and moments on the host: `step`, and `exp_avg.<tensor>` and `exp_avg_sq.<tensor>` for each tensor of each
    /// parameter that has been updated.
    ///
    /// # Errors
    /// When the device fails.
    pub fn to_tensors(&self) -> Result<TensorMap> {
        let steps = [self.steps / STEP_BASE, self.steps % STEP_BASE].map(|part| part as f32);
        let steps = HostTensor { shape: vec![2], data: steps.to_vec() };
        let mut tensors = TensorMap::from([(STEPS.to_owned(), steps)]);
        for moments in self.moments.values() {
            for (prefix, buffer) in MOMENTS.into_iter().zip([&moments.first, &moments.second]) {
                let values = moments.device.download(buffer)?;
                let mut rest = &values[..];
                for piece in &moments.pieces {
                    let (data, after) = rest.split_at(piece.shape.iter().product());
                    rest = after;
                    let tensor = HostTensor { shape: piece.shape.clone(), data: data.to_vec() };
                    tensors.insert(format!("{prefix}.{}", piece.name), tensor);
                }
            }
        }
        Ok(tensors)
    }

    /// The optimiser that [`to_tensors`](Self::to_tensors) described, for the same parameters.
    ///
    /// # Errors
    /// When a tensor is missing, has other sizes than its parameter, or belongs to none.
    pub fn from_tensors<'a>(
        settings: AdamWSettings,
        params: impl IntoIterator<Item = &'a Param<D>>,
        mut tensors: TensorMap,
    ) -> Result<Self> {
        let mut optimizer = Self::new(settings)?;
        optimizer.steps = read_steps(&mut tensors)?;
        for param in params.into_iter().filter(|param| param.trainable) {
            let Some(first) = param.pieces.first() else { continue };
            // A parameter that never had a gradient has no moments.
            if !tensors.contains_key(&format!("{}.{}", MOMENTS[0], first.name)) {
                continue;
            }
            let name = first.name.clone();
            let mut moments = Moments::zero(param)?;
            let buffers = [&mut moments.first, &mut moments.second];
            for (prefix, buffer) in MOMENTS.into_iter().zip(buffers) {
                let mut values = Vec::with_capacity(param.var.rows() * param.var.columns());
                for piece in &param.pieces {
                    let data = take(&mut tensors, &format!("{prefix}.{}", piece.name), &piece.shape)?;
                    values.extend_from_slice(&data);
                }
                *buffer = moments.device.upload(&values)?;
            }
            optimizer.moments.insert(name, moments);
        }
        match tensors.keys().next() {
            Some(name) => Err(state(format!("it holds `{name}`, which belongs to no trainable parameter"))),
            None => Ok(optimizer),
        }
    }

    /// Writes the state as a safetensors file, whole or not at all.
    ///
    /// # Errors
    /// When the device or the operating system fails.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_file(path.as_ref(), &self.to_tensors()?)
    }

    /// Reads what [`save`](Self::save) wrote; every later step is the same, to the bit, as if the run had gone on.
    ///
    /// # Errors
    /// When the file cannot be read, or as [`from_tensors`](Self::from_tensors).
    pub fn load<'a>(
        path: impl AsRef<Path>,
        settings: AdamWSettings,
        params: impl IntoIterator<Item = &'a Param<D>>,
    ) -> Result<Self> {
        Self::from_tensors(settings, params, read_file(path.as_ref())?)
    }
}

fn read_steps(tensors: &mut TensorMap) -> Result<u64> {
    let parts = take(tensors, STEPS, &[2])?;
    if parts.iter().any(|part| *part < 0.0 || part.fract() != 0.0) {
        return Err(state(format!("its number of steps, {parts:?}, is not one")));
    }
    Ok(parts[0] as u64 * STEP_BASE + parts[1] as u64)
}

fn take(tensors: &mut TensorMap, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let tensor = tensors.remove(name).ok_or_else(|| state(format!("it has no tensor `{name}`")))?;
    if tensor.shape != shape {
        return Err(state(format!("`{name}` is {:?}, but the model makes it {shape:?}", tensor.shape)));
    }
    Ok(tensor.data)
}

fn state(fault: String) -> Error {
    Error::new(
        ErrorKind::Weights,
        format!(
            "the optimiser's state does not fit this model: {fault}; resume with the model it was saved with"
        ),
    )
}
