//! `adapter_config.json`, then a zero byte, then `adapter_model.safetensors`: refused, or an adapter of the model.
#![no_main]

use std::sync::LazyLock;

use agentscope_tuner_policy::{Params, PolicyConfig, adapter::LoraConfig};
use dfdx::tensor::Cpu;
use libfuzzer_sys::fuzz_target;

static PARAMS: LazyLock<Params<Cpu>> = LazyLock::new(|| {
    Params::init(&Cpu::default(), &PolicyConfig::llama(8, 4, 1, 1), 0.02, 1).expect("memory")
});

fuzz_target!(|bytes: &[u8]| {
    let Some(end) = bytes.iter().position(|byte| *byte == 0) else { return };
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("adapter_config.json"), &bytes[..end]).expect("room");
    std::fs::write(directory.path().join("adapter_model.safetensors"), &bytes[end + 1..]).expect("room");
    let _ = LoraConfig::load(directory.path(), &*PARAMS);
});
