//! `config.json` and `generation_config.json`: read, written, and read again as the same.
#![no_main]

use agentscope_tuner_policy::{PolicyConfig, config::GenerationConfig};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

fuzz_target!(|bytes: &[u8]| {
    let Ok(json) = serde_json::from_slice::<Map<String, Value>>(bytes) else { return };
    if let Ok(config) = PolicyConfig::from_json(&json) {
        let again = PolicyConfig::from_json(&config.to_json()).expect("what was written is read");
        assert_eq!(config, again);
    }
    let _ = GenerationConfig::from_json(&json, &Map::new());
});
