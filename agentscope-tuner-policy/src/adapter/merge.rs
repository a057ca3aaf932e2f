//! Adapters folded into the weights: a model without adapters that does the same.

use rayon::prelude::*;

use super::{places::path_of, weights};
use crate::{
    device::Device,
    error::Result,
    params::Params,
    tape::{Adapter, Lora},
    tensor::{HostTensor, TensorMap},
};

/// The tensors of `params` with W + s B A in the place of every adapted W, each sum rounded once, ready for
/// [`Checkpoint::save`](crate::checkpoint::Checkpoint::save).
///
/// # Errors
/// When an adapter has no name or names a layer that the model lacks, its sizes do not fit, or the device fails.
pub fn merge<D: Device>(params: &Params<D>, lora: &Lora<D>) -> Result<TensorMap> {
    let mut tensors = params.to_tensors()?;
    for layer in &lora.layers {
        for adapter in layer.qkv.iter().chain(&layer.output).chain(&layer.gate_up).chain(&layer.down) {
            fold(&mut tensors, adapter)?;
        }
    }
    Ok(tensors)
}

fn fold<D: Device>(tensors: &mut TensorMap, adapter: &Adapter<D>) -> Result<()> {
    let name = adapter.a.pieces.first().map_or("", |piece| &piece.name);
    let path = path_of(name).ok_or_else(|| {
        weights(format!("`{name}` names no adapter; make adapters with LoraConfig::init or LoraConfig::load"))
    })?;
    let weight = tensors.get_mut(&format!("{path}.weight")).ok_or_else(|| {
        weights(format!("there is an adapter for `{path}`, but the model has no such layer"))
    })?;
    let (rank, inputs) = (adapter.a.var.rows(), adapter.a.var.columns());
    let outputs = adapter.b.var.rows();
    if weight.shape != [outputs, inputs] || adapter.b.var.columns() != rank {
        return Err(weights(format!(
            "the adapter of `{path}` makes {outputs} outputs of {inputs} inputs, but the layer is {:?}",
            weight.shape
        )));
    }
    let device = adapter.a.var.device();
    let [a, b] = [device.download(adapter.a.var.value())?, device.download(adapter.b.var.value())?];
    add_product(weight, (&a, &b), rank, f64::from(adapter.scale));
    Ok(())
}

fn add_product(weight: &mut HostTensor, (a, b): (&[f32], &[f32]), rank: usize, scale: f64) {
    let inputs = weight.shape[1];
    weight.data.par_chunks_mut(inputs).zip(b.par_chunks(rank)).for_each(|(row, factors)| {
        let mut sums: Vec<f64> = row.iter().copied().map(f64::from).collect();
        for (factor, a) in factors.iter().zip(a.chunks(inputs)) {
            let factor = f64::from(*factor) * scale;
            sums.iter_mut().zip(a).for_each(|(sum, a)| *sum += factor * f64::from(*a));
        }
        row.iter_mut().zip(sums).for_each(|(weight, sum)| *weight = sum as f32);
    });
}
