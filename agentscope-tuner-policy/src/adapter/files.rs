//! Adapter directories: `adapter_config.json` and `adapter_model.safetensors`.

use std::{fs, path::Path};

use super::{
    LoraConfig, Module, config,
    peft::{PeftConfig, to_json},
    places::{Place, all, build, path_of},
    weights,
};
use crate::{
    checkpoint::{cannot_write, read_file, read_object, write_file, write_json},
    device::Device,
    error::Result,
    params::Params,
    tape::{Kernels, Lora},
    tensor::{HostTensor, TensorMap},
};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";

impl LoraConfig {
    /// Writes a directory that PEFT loads onto the model called `base`. Each file appears whole or not at all.
    ///
    /// # Errors
    /// When a weight is not finite, or the device or the operating system fails.
    pub fn save<D: Device>(
        &self,
        lora: &Lora<D>,
        directory: impl AsRef<Path>,
        base: Option<&str>,
    ) -> Result<()> {
        let directory = directory.as_ref();
        let mut tensors = TensorMap::new();
        for param in lora.iter() {
            let piece = param.pieces.first().ok_or_else(|| {
                weights(
                    "an adapter has no name; make adapters with LoraConfig::init or LoraConfig::load".into(),
                )
            })?;
            let data = param.var.device().download(param.var.value())?;
            tensors.insert(piece.name.clone(), HostTensor { shape: piece.shape.clone(), data });
        }
        fs::create_dir_all(directory).map_err(|error| cannot_write(directory, error))?;
        write_file(&directory.join(WEIGHTS), &tensors)?;
        let paths: Vec<&str> = tensors.keys().filter_map(|name| path_of(name)).collect();
        let targets = target_names(&self.targets, &paths, lora.layers.len());
        write_json(&directory.join(CONFIG), &to_json(self, &targets, base))
    }

    /// Reads a directory that PEFT or [`save`](Self::save) wrote, for the model of `params`.
    ///
    /// Dropout is not applied here, whatever the file says of it.
    ///
    /// # Errors
    /// When a file is missing or damaged, the adapters are of a kind that is not supported, or a matrix is missing, left
    /// over, or of other sizes than the model's layers and the rank ask for.
    pub fn load<D: Kernels>(directory: impl AsRef<Path>, params: &Params<D>) -> Result<(Self, Lora<D>)> {
        let directory = directory.as_ref();
        let json = read_object(&directory.join(CONFIG))?.ok_or_else(|| {
            config(format!("`{}` has no {CONFIG}; name the directory of a PEFT adapter", directory.display()))
        })?;
        let peft = PeftConfig::parse(json)?;
        let paths: Vec<String> = all(params).map(|place| place.path).collect();
        if let Some(name) = peft.unknown_target(&paths) {
            return Err(config(format!(
                "the adapter sits on `{name}`, which is none of this model's linear layers; use the model it was made for, or merge it with PEFT"
            )));
        }
        let tensors = read_file(&directory.join(WEIGHTS))?;
        read(&peft, params, tensors)
    }
}

/// Modules by name where every layer has them, else by the paths that there are. `paths` has each twice, for A and B.
fn target_names(modules: &[Module], paths: &[&str], layers: usize) -> Vec<String> {
    let names = |module: &Module| {
        let mut found: Vec<String> =
            paths.iter().filter(|path| path.ends_with(module.name())).map(ToString::to_string).collect();
        found.dedup();
        if found.len() == layers { vec![module.name().to_owned()] } else { found }
    };
    modules.iter().flat_map(names).collect()
}

fn read<D: Kernels>(
    peft: &PeftConfig,
    params: &Params<D>,
    mut tensors: TensorMap,
) -> Result<(LoraConfig, Lora<D>)> {
    let device = params.embedding.var.device();
    let mut lora_config = peft.lora(Vec::new());
    let (rank, scale) = (lora_config.rank, lora_config.scale());
    let mut targets = Vec::new();
    let lora = build(params, |place| {
        let Some([a, b]) = take(peft, &mut tensors, &place, rank)? else { return Ok(None) };
        targets.push(place.module);
        place.adapter(device, (rank, scale), [&a.data, &b.data]).map(Some)
    })?;
    if !tensors.is_empty() {
        let left: Vec<_> = tensors.keys().take(3).map(String::as_str).collect();
        return Err(weights(format!(
            "the adapter holds {} tensors that this model has no place for, such as {}; use the model it was made for",
            tensors.len(),
            left.join(", ")
        )));
    }
    targets.sort_unstable();
    targets.dedup();
    lora_config.targets = targets;
    lora_config.check()?;
    Ok((lora_config, lora))
}

/// A and B of a place; none where it is not adapted.
fn take(
    peft: &PeftConfig,
    tensors: &mut TensorMap,
    place: &Place,
    rank: usize,
) -> Result<Option<[HostTensor; 2]>> {
    let targeted = peft.targets(&place.path);
    if targeted == Some(false) {
        return Ok(None);
    }
    let names = place.names();
    let found = names.each_ref().map(|name| tensors.remove(name));
    let expected = targeted == Some(true) && peft.layers_to_transform.is_none();
    let [Some(a), Some(b)] = found else {
        let is_half = found.iter().any(Option::is_some);
        if !is_half && !expected {
            return Ok(None);
        }
        let missing = names.iter().zip(&found).find(|(_, tensor)| tensor.is_none());
        let missing = missing.map_or("", |(name, _)| name);
        return Err(weights(format!("the adapter has no tensor `{missing}`; copy or save it again")));
    };
    for ((name, tensor), shape) in names.iter().zip([&a, &b]).zip(place.shapes(rank)) {
        if tensor.shape != shape {
            return Err(weights(format!(
                "`{name}` is {:?}, but the model and rank {rank} make it {shape:?}; use the model it was made for",
                tensor.shape
            )));
        }
    }
    Ok(Some([a, b]))
}
