//! Embedded models on a worker: each answers with exactly the weights that home asks for.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use agentscope_tuner_policy::{Params, checkpoint::Checkpoint, device::Cpu, engine::EngineSettings};
use tokio::sync::{Mutex, RwLock, watch};

use super::policies::Weights;
use crate::{
    error::{Error, ErrorKind, ModelFailure, Result},
    model::{ChatModel as _, ChatRequest, ChatResponse, embedded::Embedded},
};

/// How long weights may be on their way.
const ON_THE_WAY: Duration = Duration::from_secs(300);

/// The embedded models of a worker.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    models: Mutex<HashMap<String, Arc<Local>>>,
    /// Where weights that arrived are, by their names.
    arrived: watch::Sender<HashMap<String, PathBuf>>,
}

/// A model, and the weights that it has. Whoever reads them holds them while it is answered, so that no answer is begun by one
/// version and ended by another.
#[derive(Debug)]
struct Local {
    embedded: Embedded,
    weights: RwLock<Weights>,
}

impl Decoder {
    /// Weights lie in `directory` now.
    pub(super) fn arrived(&self, name: String, directory: PathBuf) {
        self.arrived.send_modify(|all| _ = all.insert(name, directory));
    }

    /// The answer to `request` by `weights` and no others.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when newer weights are in use already, when these do not arrive or cannot be loaded, and whatever the
    /// model meets.
    pub(super) async fn answer(&self, weights: &Weights, request: &ChatRequest) -> Result<ChatResponse> {
        let local = self.local(weights).await?;
        loop {
            let held = local.weights.read().await;
            if *held == *weights {
                return local.embedded.chat(request).await;
            }
            drop(held);
            let mut held = local.weights.write().await;
            if held.number > weights.number {
                let message = format!(
                    "weights {} were asked for, but this worker has {} by now",
                    weights.number, held.number
                );
                return Err(failed(message));
            }
            if *held != *weights {
                local.embedded.update(&load(self.place(&weights.name).await?).await?).await?;
                *held = weights.clone();
            }
        }
    }

    /// The model, loaded with `weights` if it is not there yet.
    async fn local(&self, weights: &Weights) -> Result<Arc<Local>> {
        let mut models = self.models.lock().await;
        if let Some(local) = models.get(&weights.model) {
            return Ok(Arc::clone(local));
        }
        let directory = self.place(&weights.name).await?;
        let open = move || Embedded::open("", directory, &EngineSettings::default());
        let embedded = tokio::task::spawn_blocking(open).await??;
        let local = Arc::new(Local { embedded, weights: RwLock::new(weights.clone()) });
        models.insert(weights.model.clone(), Arc::clone(&local));
        Ok(local)
    }

    /// Where the weights of this name are, once they have arrived.
    async fn place(&self, name: &str) -> Result<PathBuf> {
        let mut arrived = self.arrived.subscribe();
        let there = arrived.wait_for(|all| all.contains_key(name));
        match tokio::time::timeout(ON_THE_WAY, there).await {
            Ok(Ok(all)) => Ok(all[name].clone()),
            _ => Err(failed(format!("the weights {name} did not arrive within {ON_THE_WAY:?}"))),
        }
    }
}

async fn load(directory: PathBuf) -> Result<Params<Cpu>> {
    let load = move || {
        let checkpoint = Checkpoint::open(&directory)?;
        Params::new(&Cpu::default(), checkpoint.config(), checkpoint.tensors()?)
    };
    let loaded = tokio::task::spawn_blocking(load).await?;
    loaded.map_err(|error| failed("the weights cannot be loaded".to_owned()).with_source(error))
}

fn failed(message: String) -> Error {
    Error::new(ErrorKind::Model(ModelFailure::Server), message)
}
