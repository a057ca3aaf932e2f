//! Saving a model directory.

use std::{fs, io, path::Path};

use serde_json::{Map, Value};

use super::{Checkpoint, atomic, cannot_read, dtype::Dtype, read::not_finite, shards::write_weights};
use crate::{
    error::{Error, ErrorKind, Result},
    tensor::TensorMap,
};

/// What travels with a model besides its configuration and weights.
const COMPANIONS: [&str; 10] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "additional_chat_templates/tool_use.jinja",
];

/// How weights are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaveOptions {
    /// Element type of the file. f32 loses nothing; bf16 halves the size.
    pub dtype: Dtype,
    /// Largest weight file, in bytes; a model beyond it is split. One tensor is never split.
    pub shard_bytes: usize,
}

impl Default for SaveOptions {
    fn default() -> Self {
        Self { dtype: Dtype::F32, shard_bytes: 5_000_000_000 }
    }
}

impl Checkpoint {
    /// Writes a model directory that this program and `transformers` load: the configuration as it was found,
    /// `tensors`, and a copy of the tokenizer's files.
    ///
    /// Each file appears whole or not at all. A crash while an existing directory is overwritten leaves the old weights,
    /// the new ones, or a directory without an index, never a mixture that loads.
    ///
    /// # Errors
    /// Before anything is written: when a weight is not finite, or not in the range of the element type. Later: when the
    /// operating system refuses.
    pub fn save(
        &self,
        directory: impl AsRef<Path>,
        tensors: &TensorMap,
        options: &SaveOptions,
    ) -> Result<()> {
        let directory = directory.as_ref();
        check_values(tensors, options.dtype)?;
        fs::create_dir_all(directory).map_err(|error| atomic::cannot_write(directory, error))?;
        write_object(&directory.join("config.json"), &self.config_json_for(options.dtype))?;
        if let Some(generation) = &self.generation_json {
            write_object(&directory.join("generation_config.json"), generation)?;
        }
        self.copy_companions(directory)?;
        write_weights(directory, tensors, options)
    }

    fn config_json_for(&self, dtype: Dtype) -> Map<String, Value> {
        let mut json = self.config_json.clone();
        // Newer versions of `transformers` call it `dtype`; all of them know the older name.
        let key = if json.contains_key("dtype") { "dtype" } else { "torch_dtype" };
        json.insert(key.into(), dtype.torch_name().into());
        json
    }

    fn copy_companions(&self, directory: &Path) -> Result<()> {
        let Some(source) = &self.directory else { return Ok(()) };
        if is_same(source, directory) {
            return Ok(());
        }
        for name in COMPANIONS {
            let (from, to) = (source.join(name), directory.join(name));
            let bytes = match fs::read(&from) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(cannot_read(&from, error)),
            };
            let folder = to.parent().unwrap_or(directory);
            fs::create_dir_all(folder).map_err(|error| atomic::cannot_write(folder, error))?;
            atomic::write(&to, |out| out.write_all(&bytes))?;
        }
        Ok(())
    }
}

fn is_same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn check_values(tensors: &TensorMap, dtype: Dtype) -> Result<()> {
    let Some((name, tensor)) = tensors.iter().find(|(_, tensor)| !dtype.holds(&tensor.data)) else {
        return Ok(());
    };
    if !Dtype::F32.holds(&tensor.data) {
        return Err(not_finite(name, &tensor.data));
    }
    let largest = tensor.data.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let kind = dtype.torch_name();
    Err(Error::new(
        ErrorKind::Numeric,
        format!("tensor `{name}` holds {largest}, beyond the range of {kind}; save as f32 or bf16"),
    ))
}

fn write_object(path: &Path, object: &Map<String, Value>) -> Result<()> {
    atomic::write_json(path, &Value::Object(object.clone()))
}
