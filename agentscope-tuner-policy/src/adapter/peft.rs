//! `adapter_config.json`, as PEFT reads and writes it.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{LoraConfig, Module, config};
use crate::error::Result;

/// The fields of the file that say what its adapters are.
#[derive(Debug, Deserialize)]
pub(super) struct PeftConfig {
    peft_type: String,
    r: usize,
    lora_alpha: f64,
    #[serde(default)]
    use_rslora: bool,
    target_modules: Targets,
    #[serde(default)]
    pub(super) layers_to_transform: Option<Value>,
    /// Everything else, to refuse what would change the arithmetic.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// A list of suffixes of paths, or a regular expression, or "all-linear".
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Targets {
    List(Vec<String>),
    Pattern(String),
}

/// Fields that must not be set, and what they would mean.
const UNSUPPORTED: [(&str, &str); 13] = [
    ("use_dora", "weight-decomposed adapters"),
    ("use_qalora", "quantised adapters"),
    ("use_bdlora", "block-diagonal adapters"),
    ("lora_bias", "biases in adapters"),
    ("fan_in_fan_out", "transposed layers"),
    ("modules_to_save", "modules that are trained in full"),
    ("rank_pattern", "ranks that differ between layers"),
    ("alpha_pattern", "alphas that differ between layers"),
    ("layer_replication", "repeated layers"),
    ("trainable_token_indices", "trained embeddings"),
    ("target_parameters", "adapters on bare parameters"),
    ("alora_invocation_tokens", "adapters that wait for a token"),
    ("exclude_modules", "excluded modules"),
];

impl PeftConfig {
    /// # Errors
    /// When the file is not one of LoRA adapters, or asks for a kind of them that is not supported.
    pub(super) fn parse(json: Map<String, Value>) -> Result<Self> {
        let parsed: Self = serde_json::from_value(Value::Object(json)).map_err(|error| {
            config("adapter_config.json is not that of a LoRA adapter".into()).with_source(error)
        })?;
        if parsed.peft_type != "LORA" {
            let found = &parsed.peft_type;
            return Err(config(format!("the adapter is of type {found}; only LORA adapters are supported")));
        }
        let used = |field: &str| parsed.rest.get(field).is_some_and(|value| !is_unset(value));
        if let Some((field, meaning)) = UNSUPPORTED.iter().find(|(field, _)| used(field)) {
            return Err(config(format!(
                "the adapter sets `{field}`: {meaning} are not supported; merge it with PEFT and load the whole model"
            )));
        }
        if parsed.rest.get("bias").and_then(Value::as_str).is_some_and(|bias| bias != "none") {
            return Err(config(
                "the adapter trains biases; merge it with PEFT and load the whole model".into(),
            ));
        }
        // PiSSA, OLoRA and the like take their start out of the base model's weights.
        match parsed.rest.get("init_lora_weights").and_then(Value::as_str) {
            Some(start) if start != "gaussian" => Err(config(format!(
                "the adapter began as `{start}`, which changes the model beneath it; merge it with PEFT and load the whole model"
            ))),
            _ => Ok(parsed),
        }
    }

    /// Whether the list of targets names `path`; none where the targets are a pattern.
    pub(super) fn targets(&self, path: &str) -> Option<bool> {
        match &self.target_modules {
            Targets::List(names) => Some(names.iter().any(|name| is_suffix(path, name))),
            Targets::Pattern(pattern) if pattern == "all-linear" => Some(true),
            Targets::Pattern(_) => None,
        }
    }

    /// A target that no path of the model matches.
    pub(super) fn unknown_target(&self, paths: &[String]) -> Option<&str> {
        let Targets::List(names) = &self.target_modules else { return None };
        let is_known = |name: &String| paths.iter().any(|path| is_suffix(path, name));
        names.iter().find(|name| !is_known(name)).map(String::as_str)
    }

    pub(super) fn lora(&self, targets: Vec<Module>) -> LoraConfig {
        LoraConfig { rank: self.r, alpha: self.lora_alpha, rslora: self.use_rslora, targets }
    }
}

/// The file for adapters of this shape on the layers `targets` of the model called `base`.
pub(super) fn to_json(lora: &LoraConfig, targets: &[String], base: Option<&str>) -> Value {
    let alpha = match lora.alpha {
        // PEFT calls it an integer.
        alpha if alpha.fract() == 0.0 && alpha < 1e15 => json!(alpha as u64),
        alpha => json!(alpha),
    };
    json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": lora.rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "use_rslora": lora.rslora,
        "target_modules": targets,
        "bias": "none",
        "fan_in_fan_out": false,
        "init_lora_weights": true,
        "inference_mode": true,
        "modules_to_save": null,
    })
}

fn is_suffix(path: &str, name: &str) -> bool {
    path.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
