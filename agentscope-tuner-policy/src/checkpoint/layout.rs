//! Which file holds which tensor: one `model.safetensors`, or shards under an index.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Map, Value};

use super::{dtype::Dtype, header::WeightFile, read_object};
use crate::error::{Error, ErrorKind, Result};

pub(super) const SINGLE: &str = "model.safetensors";
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// Where one tensor lies.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) file: Arc<Path>,
    /// In bytes from the start of the file.
    pub(super) offset: u64,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
}

/// Every tensor of a checkpoint, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Weights(BTreeMap<String, Place>);

impl Weights {
    /// # Errors
    /// When there is no weight file, a shard is missing or damaged, or a tensor has an element type that is not read.
    pub(super) fn locate(directory: &Path) -> Result<Self> {
        let mut weights = Self::default();
        if directory.join(SINGLE).exists() {
            return Self::of(&WeightFile::open(directory.join(SINGLE))?);
        }
        let index_path = directory.join(INDEX);
        let index = read_object(&index_path)
            .map_err(|error| index_fault(&index_path, "it is not a JSON object").with_source(error))?
            .ok_or_else(|| no_weights(directory))?;
        for (shard, names) in shards(&index, &index_path)? {
            let path = directory.join(&shard);
            if !path.exists() {
                return Err(index_fault(&index_path, &format!("it names `{shard}`, which is not there")));
            }
            weights.add(&WeightFile::open(path)?, names)?;
        }
        Ok(weights)
    }

    /// Every tensor of one file.
    ///
    /// # Errors
    /// When a tensor has an element type that is not read.
    pub(super) fn of(file: &WeightFile) -> Result<Self> {
        let mut weights = Self::default();
        weights.add(file, file.names())?;
        Ok(weights)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Place)> {
        self.0.iter()
    }

    fn add(&mut self, file: &WeightFile, names: Vec<String>) -> Result<()> {
        let path: Arc<Path> = file.path().into();
        for name in names {
            let Some((info, offset)) = file.find(&name) else {
                return Err(weights_fault(format!(
                    "`{}` has no tensor `{name}`, which the index says it holds; copy or download the checkpoint again",
                    path.display()
                )));
            };
            let dtype = Dtype::from_stored(info.dtype).ok_or_else(|| {
                weights_fault(format!(
                    "tensor `{name}` in `{}` is {:?}, but only F32, F16 and BF16 are read; use an unquantised checkpoint",
                    path.display(),
                    info.dtype
                ))
            })?;
            self.0.insert(name, Place { file: Arc::clone(&path), offset, dtype, shape: info.shape.clone() });
        }
        Ok(())
    }
}

/// The names of the tensors in each shard.
fn shards(index: &Map<String, Value>, path: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let map = index
        .get("weight_map")
        .and_then(Value::as_object)
        .ok_or_else(|| index_fault(path, "it has no object `weight_map`"))?;
    let mut shards = BTreeMap::<_, Vec<_>>::new();
    for (name, shard) in map {
        let shard = shard
            .as_str()
            .filter(|shard| is_file_name(shard))
            .ok_or_else(|| index_fault(path, &format!("`{name}` is in {shard}, which is not a file name")))?;
        shards.entry(shard.to_owned()).or_default().push(name.clone());
    }
    Ok(shards)
}

/// An index may name files beside it, and nothing elsewhere on the machine.
fn is_file_name(name: &str) -> bool {
    let path = PathBuf::from(name);
    path.file_name().is_some_and(|last| last == path.as_os_str()) && !name.contains('\\')
}

fn index_fault(path: &Path, fault: &str) -> Error {
    weights_fault(format!("`{}`: {fault}; copy or download the checkpoint again", path.display()))
}

fn no_weights(directory: &Path) -> Error {
    weights_fault(format!(
        "`{}` has neither {SINGLE} nor {INDEX}; weights in other formats are converted by transformers' \
         `save_pretrained(…, safe_serialization=True)`",
        directory.display()
    ))
}

fn weights_fault(message: String) -> Error {
    Error::new(ErrorKind::Weights, message)
}
