//! Writing the weights of a model: one file, or shards under an index.

use std::{collections::BTreeMap, fs, io, path::Path};

use serde_json::json;

use super::{
    SaveOptions, atomic,
    encode::{Named, stored_bytes, write_tensors},
    layout::{INDEX, SINGLE},
};
use crate::{error::Result, tensor::TensorMap};

pub(super) fn write_weights(directory: &Path, tensors: &TensorMap, options: &SaveOptions) -> Result<()> {
    let shards = split(tensors, options);
    if let [all] = &shards[..] {
        atomic::write(&directory.join(SINGLE), |out| write_tensors(out, all, options.dtype))?;
        return remove_stale(directory, &[SINGLE.to_owned()]);
    }
    // Without its index a half-written set of shards cannot be taken for a model.
    remove_if_there(&directory.join(INDEX))?;
    let count = shards.len();
    let mut files = vec![INDEX.to_owned()];
    let mut weight_map = BTreeMap::new();
    for (number, shard) in shards.iter().enumerate() {
        let file = format!("model-{:05}-of-{count:05}.safetensors", number + 1);
        atomic::write(&directory.join(&file), |out| write_tensors(out, shard, options.dtype))?;
        weight_map.extend(shard.iter().map(|(name, _)| ((*name).clone(), file.clone())));
        files.push(file);
    }
    let total_size: usize = tensors.values().map(|tensor| stored_bytes(tensor, options.dtype)).sum();
    let index = json!({ "metadata": { "total_size": total_size }, "weight_map": weight_map });
    atomic::write_json(&directory.join(INDEX), &index)?;
    remove_stale(directory, &files)
}

/// Tensors in order of their names, each file as full as the limit allows.
fn split<'a>(tensors: &'a TensorMap, options: &SaveOptions) -> Vec<Vec<Named<'a>>> {
    let mut shards = vec![Vec::new()];
    let mut filled = 0;
    for named in tensors {
        let bytes = stored_bytes(named.1, options.dtype);
        if filled > 0 && filled + bytes > options.shard_bytes {
            shards.push(Vec::new());
            filled = 0;
        }
        filled += bytes;
        if let Some(shard) = shards.last_mut() {
            shard.push(named);
        }
    }
    shards
}

/// Removes the weight files of an earlier save, which readers might prefer.
fn remove_stale(directory: &Path, written: &[String]) -> Result<()> {
    let entries = fs::read_dir(directory).map_err(|error| atomic::cannot_write(directory, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| atomic::cannot_write(directory, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_weights = name == INDEX || (name.starts_with("model") && name.ends_with(".safetensors"));
        if is_weights && !written.contains(&name) {
            remove_if_there(&entry.path())?;
        }
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Ok(()) => path
            .parent()
            .map_or(Ok(()), atomic::sync_directory)
            .map_err(|error| atomic::cannot_write(path, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(atomic::cannot_write(path, error)),
    }
}
