//! The weights of a model that a vLLM server answers for, changed while it runs.

use std::path::Path;

use reqwest::Url;
use serde::Serialize;
use serde_json::json;

use super::{ModelSpec, build, http::Transport, spec::Env};
use crate::error::{Error, ErrorKind, ModelFailure, Result};

/// How vLLM's reference calls what must be set before it lets adapters be loaded.
const FOR_ADAPTERS: &str = "start the server with --enable-lora, --max-lora-rank of at least the adapter's rank and \
                            VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, where it can read that path";
/// The same for whole models.
const FOR_MODELS: &str = "start the server with --enable-sleep-mode and VLLM_SERVER_DEV_MODE=1, from the directory that \
                          the weights are written to";

/// A server of vLLM, asked to change what it serves.
#[derive(Debug)]
pub(crate) struct Serving {
    transport: Transport,
    /// Above the paths of OpenAI's protocol.
    root: Url,
}

impl Serving {
    /// The server of a `[models.NAME]` table.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the table is none of a model in OpenAI's protocol, or its key is missing.
    pub(crate) fn of(spec: &ModelSpec, env: &Env<'_>) -> Result<Self> {
        let transport = build::transport(spec, env)?;
        let base = transport.url("")?;
        let path = base.path().trim_end_matches('/');
        let mut root = base.clone();
        root.set_path(&format!("{}/", path.strip_suffix("/v1").unwrap_or(path)));
        Ok(Self { transport, root })
    }

    /// Serves the adapter in `directory`, as the server sees it, as a model called `name`. One of that name is replaced.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] with the flags that the server needs.
    pub(crate) async fn load_adapter(&self, name: &str, directory: &Path) -> Result<()> {
        let load = || self.adapter("load_lora_adapter", json!({"lora_name": name, "lora_path": directory}));
        let Err(error) = load().await else { return Ok(()) };
        // A run that was killed may have left one of that name behind.
        match self.unload_adapter(name).await {
            Ok(()) => load().await.map_err(|error| told(error, "load an adapter", FOR_ADAPTERS)),
            Err(_) => Err(told(error, "load an adapter", FOR_ADAPTERS)),
        }
    }

    /// Serves the adapter `name` no more.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when there is none, or the server cannot be reached.
    pub(crate) async fn unload_adapter(&self, name: &str) -> Result<()> {
        self.adapter("unload_lora_adapter", json!({"lora_name": name})).await
    }

    /// Reads the directory that the server was started with again. What it remembers of prompts, computed by the weights
    /// before, is forgotten.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] with the flags that the server needs.
    pub(crate) async fn reload(&self) -> Result<()> {
        let steps = [
            ("sleep?level=2", json!({})),
            ("wake_up?tags=weights", json!({})),
            ("collective_rpc", json!({"method": "reload_weights"})),
            ("wake_up?tags=kv_cache", json!({})),
        ];
        for (path, body) in steps {
            let url = self.root.join(path).map_err(|error| {
                Error::new(ErrorKind::Config, "the server's address takes no path").with_source(error)
            })?;
            self.post(&url, &body)
                .await
                .map_err(|error| told(error, "read its weights again", FOR_MODELS))?;
        }
        Ok(())
    }

    async fn adapter(&self, path: &str, body: serde_json::Value) -> Result<()> {
        self.post(&self.transport.url(path)?, &body).await
    }

    async fn post(&self, url: &Url, body: &impl Serialize) -> Result<()> {
        self.transport.whole(self.transport.request(url, body)?).await.map(drop)
    }
}

fn told(error: Error, doing: &str, needed: &str) -> Error {
    let failure = match error.kind() {
        ErrorKind::Model(failure) => failure,
        _ => ModelFailure::Server,
    };
    Error::new(ErrorKind::Model(failure), format!("the server did not {doing}: {needed}")).with_source(error)
}
