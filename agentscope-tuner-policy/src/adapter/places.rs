//! Where adapters sit: our stacked matrices by the names and rows of the layers in them.

use std::ops::Range;

use super::Module;
use crate::{
    device::Device,
    error::Result,
    params::{Param, Params, Piece},
    tape::{Adapter, Kernels, LayerAdapters, Lora},
    var::Var,
};

/// What PEFT puts before the path of a module.
const PREFIX: &str = "base_model.model.";
const SUFFIXES: [&str; 2] = [".lora_A.weight", ".lora_B.weight"];

/// A linear layer within a stacked matrix.
pub(super) struct Place {
    pub(super) module: Module,
    /// Its path in the model, such as `model.layers.0.self_attn.q_proj`.
    pub(super) path: String,
    /// Its rows of the stack.
    pub(super) rows: Range<usize>,
    /// Its inputs.
    pub(super) inputs: usize,
}

impl Place {
    /// The names of A and B in an adapter file.
    pub(super) fn names(&self) -> [String; 2] {
        SUFFIXES.map(|suffix| format!("{PREFIX}{}{suffix}", self.path))
    }

    /// The sizes of A and B.
    pub(super) fn shapes(&self, rank: usize) -> [[usize; 2]; 2] {
        [[rank, self.inputs], [self.rows.len(), rank]]
    }

    /// The adapter of these values of A and B.
    ///
    /// # Errors
    /// When the device has no memory left.
    pub(super) fn adapter<D: Kernels>(
        &self,
        device: &D,
        (rank, scale): (usize, f64),
        [a, b]: [&[f32]; 2],
    ) -> Result<Adapter<D>> {
        let [a_name, b_name] = self.names();
        let [a_shape, b_shape] = self.shapes(rank);
        let param = |name: String, [rows, columns]: [usize; 2], values: &[f32]| -> Result<Param<D>> {
            let pieces = vec![Piece { name, shape: vec![rows, columns] }];
            let var = Var::new(device, device.upload(values)?, rows, columns);
            Ok(Param { pieces, var, trainable: true })
        };
        Ok(Adapter {
            rows: self.rows.clone(),
            a: param(a_name, a_shape, a)?,
            b: param(b_name, b_shape, b)?,
            scale: scale as f32,
        })
    }
}

/// Makes an adapter for every place for which `make` gives one.
pub(super) fn build<D: Kernels>(
    params: &Params<D>,
    mut make: impl FnMut(Place) -> Result<Option<Adapter<D>>>,
) -> Result<Lora<D>> {
    let mut on = |stack: &Param<D>| -> Result<Vec<Adapter<D>>> {
        places(stack).filter_map(|place| make(place).transpose()).collect()
    };
    let layers = params.layers.iter().map(|layer| {
        Ok(LayerAdapters {
            qkv: on(&layer.qkv)?,
            output: on(&layer.output)?,
            gate_up: on(&layer.gate_up)?,
            down: on(&layer.down)?,
        })
    });
    Ok(Lora { layers: layers.collect::<Result<_>>()? })
}

/// Every place of a model.
pub(super) fn all<D: Device>(params: &Params<D>) -> impl Iterator<Item = Place> {
    let stacks =
        params.layers.iter().flat_map(|layer| [&layer.qkv, &layer.output, &layer.gate_up, &layer.down]);
    stacks.flat_map(places)
}

fn places<D: Device>(stack: &Param<D>) -> impl Iterator<Item = Place> {
    stack
        .pieces
        .iter()
        .scan(0, |start, piece| {
            let rows = *start..*start + piece.shape[0];
            *start = rows.end;
            let path = piece.name.strip_suffix(".weight").unwrap_or(&piece.name);
            let module = path.rsplit('.').next().and_then(|name| name.parse().ok());
            // A name that is no module's can't occur: `Params` gives the names.
            Some(module.map(|module| Place { module, path: path.into(), rows, inputs: stack.var.columns() }))
        })
        .flatten()
}

/// The path of the layer that an adapter's matrix belongs to; none for a name that PEFT would not give.
pub(super) fn path_of(name: &str) -> Option<&str> {
    let rest = name.strip_prefix(PREFIX)?;
    SUFFIXES.iter().find_map(|suffix| rest.strip_suffix(suffix))
}
