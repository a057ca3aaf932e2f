//! Weights that move to workers: each version of an embedded model is written once, named by its content, and carried to the
//! nodes as files.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use agentscope_tuner_policy::checkpoint::{Checkpoint, SaveOptions};
use serde::{Deserialize, Serialize};

use super::carrier::{Carrier, File};
use crate::{
    error::{Error, ErrorKind, Result},
    model::embedded::{Embedded, Held},
};

/// Ends of the names of files that belong to a model.
const PARTS: [&str; 5] = ["jinja", "json", "model", "safetensors", "txt"];

/// Which weights answer a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Weights {
    /// The model, whatever its weights.
    pub(super) model: String,
    /// How often they were changed before: a later version has a higher number.
    pub(super) number: u64,
    /// Under this name they were carried to the nodes: a hash of their content.
    pub(super) name: String,
}

/// The versions that were carried to the nodes.
#[derive(Debug)]
pub(super) struct Policies {
    directory: PathBuf,
    /// By model: the newest version, and the name of the one before it.
    newest: tokio::sync::Mutex<HashMap<String, (Weights, Option<String>)>>,
}

impl Policies {
    /// Writes weights below `directory` until they are carried on.
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, newest: tokio::sync::Mutex::default() }
    }

    /// The weights that `model` has now, after `carrier` was told to carry them to the nodes.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when they cannot be written.
    pub(super) async fn current(&self, model: &Embedded, carrier: &dyn Carrier) -> Result<Weights> {
        let identity = model.fingerprint().to_owned();
        let mut newest = self.newest.lock().await;
        // Read under the lock, so that numbers only grow.
        let held = model.held();
        let number = held.number;
        let (last, before) = newest.get(&identity).cloned().unzip();
        if let Some(weights) = last.as_ref().filter(|weights: &&Weights| weights.number == number) {
            return Ok(weights.clone());
        }
        let (base, scratch) = (model.directory().to_owned(), self.directory.clone());
        let written = tokio::task::spawn_blocking(move || write(&base, &held, &scratch));
        let (name, files) = written.await?.map_err(|error| {
            Error::new(ErrorKind::Io, "the weights cannot be written for the workers").with_source(error)
        })?;
        let last = last.map(|weights| weights.name);
        // Whoever is late may still be loading the last one.
        let forget = before.flatten().filter(|old| *old != name && Some(old) != last.as_ref());
        carrier.share(&name, files, forget);
        let weights = Weights { model: identity.clone(), number, name };
        newest.insert(identity, (weights.clone(), last));
        Ok(weights)
    }
}

/// The files of the weights, and the hash of their content: those that the model was loaded from, unless it has others by
/// now.
fn write(base: &Path, held: &Held, scratch: &Path) -> io::Result<(String, Vec<File>)> {
    let Some(params) = &held.params else { return files(base) };
    let directory = scratch.join(format!("weights-{}", held.number));
    let tensors = params.to_tensors().map_err(io::Error::other)?;
    let checkpoint = Checkpoint::open(base).map_err(io::Error::other)?;
    checkpoint.save(&directory, &tensors, &SaveOptions::default()).map_err(io::Error::other)?;
    // Two versions ago is carried by now, and nobody asks for it any more.
    if let Some(old) = held.number.checked_sub(2) {
        match fs::remove_dir_all(scratch.join(format!("weights-{old}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    files(&directory)
}

fn files(directory: &Path) -> io::Result<(String, Vec<File>)> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    let is_part = |path: &PathBuf| PARTS.iter().any(|part| path.extension().is_some_and(|end| end == *part));
    paths.retain(|path| path.is_file() && is_part(path));
    paths.sort();
    let mut hasher = blake3::Hasher::new();
    let mut files = Vec::new();
    for from in paths {
        let path = from.file_name().unwrap_or_default().to_string_lossy().into_owned();
        hasher.update(path.as_bytes());
        hasher.update(&from.metadata()?.len().to_le_bytes());
        hasher.update_reader(fs::File::open(&from)?)?;
        files.push(File { from: std::path::absolute(from)?, path, mode: 0o600 });
    }
    Ok((hasher.finalize().to_hex()[..32].to_owned(), files))
}
