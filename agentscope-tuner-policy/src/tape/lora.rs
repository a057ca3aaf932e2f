//! Low-rank adapters: W x + s B A x, with only A and B trained (Hu et al., arXiv 2106.09685, eq. 3).

use std::ops::Range;

use crate::{device::Device, params::Param};

/// One adapter on some rows of a stacked matrix, such as those of the query projection within q over k over v.
#[derive(Clone, Debug)]
pub struct Adapter<D: Device> {
    /// The rows that it adds to.
    pub rows: Range<usize>,
    /// A, `rank x inputs`.
    pub a: Param<D>,
    /// B, `rows.len() x rank`.
    pub b: Param<D>,
    /// s, in PEFT's terms α / r.
    pub scale: f32,
}

/// The adapters of one block, by the matrix that they sit on.
#[derive(Clone, Debug)]
pub struct LayerAdapters<D: Device> {
    /// On q, k and v.
    pub qkv: Vec<Adapter<D>>,
    /// On the attention's output projection.
    pub output: Vec<Adapter<D>>,
    /// On gate and up.
    pub gate_up: Vec<Adapter<D>>,
    /// On down.
    pub down: Vec<Adapter<D>>,
}

/// The adapters of a model.
#[derive(Clone, Debug)]
pub struct Lora<D: Device> {
    /// One for each block, first to last.
    pub layers: Vec<LayerAdapters<D>>,
}

impl<D: Device> Default for LayerAdapters<D> {
    fn default() -> Self {
        Self { qkv: Vec::new(), output: Vec::new(), gate_up: Vec::new(), down: Vec::new() }
    }
}

impl<D: Device> Lora<D> {
    /// Every A and B, in the order of the forward pass.
    pub fn iter(&self) -> impl Iterator<Item = &Param<D>> {
        self.layers
            .iter()
            .flat_map(|layer| layer.qkv.iter().chain(&layer.output).chain(&layer.gate_up).chain(&layer.down))
            .flat_map(|adapter| [&adapter.a, &adapter.b])
    }

    /// Every A and B, to change it.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Param<D>> {
        self.layers
            .iter_mut()
            .flat_map(|layer| {
                let LayerAdapters { qkv, output, gate_up, down } = layer;
                qkv.iter_mut().chain(output).chain(gate_up).chain(down)
            })
            .flat_map(|adapter| [&mut adapter.a, &mut adapter.b])
    }
}
