//! A Hugging Face model directory: configuration, weights, and the files that travel with them.

mod atomic;
mod dtype;
mod encode;
mod file;
mod header;
mod layout;
mod leftover;
mod read;
mod save;
mod shards;
#[cfg(test)]
mod tests;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rayon::prelude::*;
use serde_json::{Map, Value};

pub(crate) use self::{
    atomic::{cannot_write, write_json},
    file::{read_file, write_file},
};
pub use self::{dtype::Dtype, save::SaveOptions};
use crate::{
    config::{GenerationConfig, PolicyConfig},
    error::{Error, ErrorKind, Result},
    tensor::TensorMap,
};

/// A model directory whose configuration and tensor headers have been read; its weights have not.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    directory: Option<PathBuf>,
    config: PolicyConfig,
    generation: GenerationConfig,
    /// As found, so that saving keeps the fields that are not modelled.
    config_json: Map<String, Value>,
    generation_json: Option<Map<String, Value>>,
    weights: layout::Weights,
}

impl Checkpoint {
    /// Opens `directory`: reads `config.json`, `generation_config.json` if there is one, and the header of every weight
    /// file, but no weights.
    ///
    /// # Errors
    /// When a file is missing, malformed or cut off, or the architecture is not supported.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        let config_json = read_object(&directory.join("config.json"))?.ok_or_else(|| no_config(directory))?;
        let generation_json = read_object(&directory.join("generation_config.json"))?;
        let generation =
            GenerationConfig::from_json(&generation_json.clone().unwrap_or_default(), &config_json)
                .map_err(|error| within(directory, error))?;
        let config = PolicyConfig::from_json(&config_json).map_err(|error| within(directory, error))?;
        let weights = layout::Weights::locate(directory)?;
        Ok(Self {
            directory: Some(directory.into()),
            config,
            generation,
            config_json,
            generation_json,
            weights,
        })
    }

    /// A checkpoint of a model that was made rather than loaded. It has no weights until it is [saved](Self::save) with
    /// some.
    pub fn new(config: PolicyConfig, generation: GenerationConfig) -> Self {
        Self {
            directory: None,
            config_json: config.to_json(),
            generation_json: Some(generation.to_json()),
            config,
            generation,
            weights: layout::Weights::default(),
        }
    }

    /// Where the checkpoint lies; none for one made by [`new`](Self::new).
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// The shape of the model.
    pub fn config(&self) -> &PolicyConfig {
        &self.config
    }

    /// How the model wants to be sampled.
    pub fn generation(&self) -> &GenerationConfig {
        &self.generation
    }

    /// The object of `config.json`, with the fields that [`PolicyConfig`] leaves out.
    pub fn config_json(&self) -> &Map<String, Value> {
        &self.config_json
    }

    /// Reads all weights as f32, several tensors at once, each straight into its own memory.
    ///
    /// Tensors that the model does not use are left out, as `transformers` leaves them out: stored rotary frequencies,
    /// and the output projection of a model whose embedding is tied to it, when the two are equal.
    ///
    /// # Errors
    /// When a file cannot be read, has another element type than f32, f16 or bf16, or holds a number that is not
    /// finite; when a tied output projection differs from the embedding.
    pub fn tensors(&self) -> Result<TensorMap> {
        let used: Vec<_> = self.weights.iter().filter(|(name, _)| !leftover::is_ignored(name)).collect();
        let mut tensors: TensorMap = used
            .into_par_iter()
            .map(|(name, place)| Ok((name.clone(), read::read_tensor(name, place)?)))
            .collect::<Result<_>>()?;
        if self.config.tie_word_embeddings {
            leftover::drop_tied_head(&mut tensors)?;
        }
        Ok(tensors)
    }
}

/// The JSON object in `path`, none when there is no such file.
pub(crate) fn read_object(path: &Path) -> Result<Option<Map<String, Value>>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot_read(path, error)),
    };
    let object = serde_json::from_slice(&bytes).map_err(|error| {
        Error::new(ErrorKind::Config, format!("`{}` is not a JSON object", path.display())).with_source(error)
    })?;
    Ok(Some(object))
}

fn within(directory: &Path, error: Error) -> Error {
    let message = format!("the checkpoint in `{}` cannot be used", directory.display());
    Error::new(error.kind(), message).with_source(error)
}

fn no_config(directory: &Path) -> Error {
    Error::new(
        ErrorKind::Config,
        format!(
            "`{}` has no config.json; name a Hugging Face model directory with config.json and model.safetensors",
            directory.display()
        ),
    )
}

fn cannot_read(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot read `{}`", path.display())).with_source(error)
}
