//! One set of weights that answers.

use std::{collections::BTreeMap, path::Path};

use agentscope_tuner::{
    gateway::Gateway,
    model::{Model, embedded::Embedded},
};
use agentscope_tuner_policy::{
    Params,
    adapter::{LoraConfig, merge},
    checkpoint::Checkpoint,
    device::Cpu,
    engine::EngineSettings,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The policy with these weights, behind an address of its own until this is dropped.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) address: String,
    _open: DropGuard,
}

impl Served {
    /// The model in `directory`, with an adapter of it laid over, if any.
    pub(super) async fn read(directory: &Path, adapter: Option<&Path>) -> Result<Self, String> {
        let policy = opened(directory)?;
        if let Some(adapter) = adapter {
            policy.update(&merged(directory, adapter)?).await.map_err(|error| error.chain())?;
        }
        let models = BTreeMap::from([(super::MODEL.to_owned(), Model::new(policy))]);
        let listening = Gateway::new(models).unwrap().listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listening.address().to_string();
        let stop = CancellationToken::new();
        tokio::spawn(listening.serve(stop.clone()));
        Ok(Self { address, _open: stop.drop_guard() })
    }
}

fn opened(directory: &Path) -> Result<Embedded, String> {
    let settings = EngineSettings { threads: Some(1), cache_bytes: 16 << 20, ..EngineSettings::default() };
    Embedded::open(super::MODEL, directory, &settings).map_err(|error| error.chain())
}

fn merged(directory: &Path, adapter: &Path) -> Result<Params<Cpu>, String> {
    let merged = || {
        let checkpoint = Checkpoint::open(directory)?;
        let base = Params::new(&Cpu::default(), checkpoint.config(), checkpoint.tensors()?)?;
        let (_, lora) = LoraConfig::load(adapter, &base)?;
        Params::new(&Cpu::default(), checkpoint.config(), merge(&base, &lora)?)
    };
    merged().map_err(|error| error.to_string())
}
