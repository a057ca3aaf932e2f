//! Weights as a server finds them on the disk.

use std::path::Path;

use agentscope_tuner::policy::{
    Params, Result,
    adapter::{LoraConfig, merge},
    checkpoint::Checkpoint,
    device::Cpu,
};

/// Those of a Hugging Face directory.
pub(super) fn of(directory: &Path) -> Result<Params<Cpu>> {
    let checkpoint = Checkpoint::open(directory)?;
    Params::new(&Cpu::default(), checkpoint.config(), checkpoint.tensors()?)
}

/// The same with a PEFT adapter folded in.
pub(super) fn with_adapter(directory: &Path, adapter: &Path) -> Result<Params<Cpu>> {
    let base = of(directory)?;
    let (_, lora) = LoraConfig::load(adapter, &base)?;
    Params::new(&Cpu::default(), Checkpoint::open(directory)?.config(), merge(&base, &lora)?)
}
