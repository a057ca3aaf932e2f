//! What a vLLM server is told besides what it is asked: which weights answer.
//!
//! Adapters: `/v1/load_lora_adapter` and `/v1/unload_lora_adapter` (vLLM's documentation, "LoRA Adapters"). Whole models:
//! `/pause`, the RPC `reload_weights` with a `weights_path`, `/resume` (there, "Async Reinforcement Learning" and "Layerwise
//! (Re)loading").

use std::{path::Path, time::Duration};

use serde_json::{Value, json};

use crate::{
    error::{Error, ErrorKind, ModelFailure, Result},
    model::{endpoint::Retry, http::Transport},
};

const ADAPTERS: &str = "it needs --enable-lora with a --max-lora-rank that is not below the rank, VLLM_ALLOW_RUNTIME_LORA_UPDATING=True in its environment, and this directory under the same path (strategy.weights.sampler.directory says where weights are written)";
const WEIGHTS: &str = "it needs VLLM_SERVER_DEV_MODE=1 in its environment, a version that reloads weights from a path, and this directory under the same path (strategy.weights.sampler.directory says where weights are written)";

/// The addresses of a server beside its model's.
#[derive(Debug)]
pub(super) struct Server {
    transport: Transport,
    retry: Retry,
}

impl Server {
    pub(super) fn new(transport: Transport) -> Self {
        let retry = Retry { max: 3, base: Duration::from_millis(500), ..Retry::default() };
        Self { transport, retry }
    }

    /// Loads an adapter under a name that was never used before: caches of vLLM tell adapters apart by their names.
    pub(super) async fn load_adapter(&self, name: &str, directory: &Path) -> Result<()> {
        let body = json!({ "lora_name": name, "lora_path": directory });
        match self.post("load_lora_adapter", &body).await {
            // The answer to an earlier attempt was lost.
            Err(error) if error.chain().contains("already been loaded") => Ok(()),
            result => result.map_err(|error| refused("the adapter", directory, ADAPTERS, error)),
        }
    }

    pub(super) async fn unload_adapter(&self, name: &str) -> Result<()> {
        let url = self.transport.url("unload_lora_adapter")?;
        let request = self.transport.request(&url, &json!({ "lora_name": name }))?;
        match self.transport.whole(request).await {
            // It has no such adapter; or it has put it out of its memory already, which it calls an error of its own.
            Err(error) if is_refusal(&error) => Ok(()),
            result => result.map(drop),
        }
    }

    /// Replaces the weights while nothing is being answered. The pause empties the caches of keys and values, which are of the
    /// old weights. Where the weights cannot be loaded the server stays paused: it may have half of them.
    pub(super) async fn reload(&self, directory: &Path) -> Result<()> {
        let explained = |error| refused("the weights", directory, WEIGHTS, error);
        let none = json!({});
        self.post("../pause?mode=wait", &none).await.map_err(explained)?;
        let reload = json!({ "method": "reload_weights", "kwargs": { "weights_path": directory } });
        self.post("../collective_rpc", &reload).await.map_err(explained)?;
        self.post("../resume", &none).await.map_err(explained)
    }

    /// Posts `body` to `path`, which is relative to the base URL, and again where the server is only in trouble.
    async fn post(&self, path: &str, body: &Value) -> Result<()> {
        let url = self.transport.url(path)?;
        let mut failed = 0;
        loop {
            let Err(error) = self.transport.whole(self.transport.request(&url, body)?).await else {
                return Ok(());
            };
            failed += 1;
            let Some(wait) = self.retry.wait(failed, &error, 0) else { return Err(error) };
            tokio::time::sleep(wait).await;
        }
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Model(ModelFailure::Request | ModelFailure::Server))
}

/// A server that is there, but does not take what it was given, lacks a setting.
fn refused(what: &str, directory: &Path, needs: &str, error: Error) -> Error {
    if !is_refusal(&error) {
        return error;
    }
    let message = format!("the server does not load {what} in {}: {needs}", directory.display());
    Error::new(ErrorKind::Config, message).with_source(error)
}
