//! Rollouts that a server of vLLM samples, by the weights that are trained here.
//!
//! ```text
//! step ─ weights ─▶ files in a directory ─▶ the server reads them ─▶ rollouts ─ exact tokens, log-probabilities ─▶ step
//! ```
//!
//! Adapters have a name for each version, so an answer is always of the version that was asked for. A whole model has one
//! name; the server has confirmed that it read the new weights before anything is sampled by them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Map, Value};

use crate::{
    error::{Error, Result},
    model::{Env, ModelSpec, Serving},
};

/// A vLLM server that samples the rollouts.
#[derive(Clone, Debug)]
pub struct Sampler {
    /// Its name among the run's models.
    pub model: String,
    /// Where weights are handed over. Of adapters: any directory that the server can read; `sampler` in that of the run
    /// where unset. Of whole models: the one that the server was started with.
    pub directory: Option<PathBuf>,
    /// The same directory as the server sees it, where that is elsewhere.
    pub server_directory: Option<PathBuf>,
    pub(super) server: Arc<Serving>,
}

impl Sampler {
    /// The server of `spec`, known to the run as `model`. `env` looks up the variable that holds its key.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::error::ErrorKind::Config) when it is no server that could be vLLM's, or its key is
    /// missing.
    pub fn new(model: impl Into<String>, spec: &ModelSpec, env: &Env<'_>) -> Result<Self> {
        let model = model.into();
        let server = Serving::of(spec, env)
            .map_err(|error| Error::new(error.kind(), format!("the sampler `{model}`")).with_source(error))?;
        Ok(Self { model, directory: None, server_directory: None, server: Arc::new(server) })
    }

    /// Where weights of the run in `run` are written.
    pub(super) fn directory(&self, run: &Path) -> PathBuf {
        self.directory.clone().unwrap_or_else(|| run.join("sampler"))
    }

    /// The place of `name` in `directory`, as the server sees it.
    pub(super) fn seen(&self, directory: &Path, name: &str) -> PathBuf {
        let own = || std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        self.server_directory.clone().unwrap_or_else(own).join(name)
    }
}

/// The name under which a server knows the adapter of this version: no other run has the same one.
pub(super) fn adapter(run: &Path, version: u64) -> String {
    let run = run.file_name().unwrap_or_default().to_string_lossy();
    format!("{run}-step-{version}")
}

/// What a request must say to be answered by this version, where it is an adapter; version 0 is the model without one.
pub(super) fn asked(run: &Path, version: u64, adapters: bool) -> Map<String, Value> {
    let name = (adapters && version > 0).then(|| ("model".to_owned(), adapter(run, version).into()));
    name.into_iter().collect()
}

/// What it must say to be learnt from.
pub(super) fn exact() -> Map<String, Value> {
    ["logprobs", "return_token_ids"].map(|field| (field.to_owned(), true.into())).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adapters_are_named_after_run_and_version_and_the_first_weights_are_the_model() {
        let run = Path::new("runs/20260101-000000-weights");
        assert_eq!(adapter(run, 12), "20260101-000000-weights-step-12");
        assert_eq!(asked(run, 12, true)["model"], "20260101-000000-weights-step-12");
        assert!(asked(run, 0, true).is_empty() && asked(run, 12, false).is_empty());
    }

    #[test]
    fn the_server_may_see_the_directory_elsewhere() {
        let spec = ModelSpec::new("vllm", "m");
        let mut sampler = Sampler::new("served", &spec, &|_| None).unwrap();
        let run = Path::new("/runs/a");
        assert_eq!(sampler.directory(run), Path::new("/runs/a/sampler"));
        assert_eq!(sampler.seen(&sampler.directory(run), "x"), Path::new("/runs/a/sampler/x"));
        sampler.server_directory = Some("/mnt".into());
        assert_eq!(sampler.seen(&sampler.directory(run), "x"), Path::new("/mnt/x"));
        let error = Sampler::new("far", &ModelSpec::new("anthropic", "m"), &|_| None).unwrap_err();
        assert!(error.chain().contains("provider is `anthropic`, but must be `vllm`"), "{}", error.chain());
    }
}
