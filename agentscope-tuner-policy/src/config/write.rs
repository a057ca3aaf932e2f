//! From [`PolicyConfig`] back to `config.json`, for models that were not loaded but made.

use serde_json::{Map, Value, json};

use super::{PolicyConfig, RopeScaling};

impl PolicyConfig {
    /// The object of a `config.json` that `transformers` reads, in the spelling that its older versions know too.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| object.insert(key.into(), value);
        put("architectures", json!([self.architecture.class_name()]));
        put("model_type", self.architecture.model_type().into());
        put("vocab_size", self.vocab_size.into());
        put("hidden_size", self.hidden_size.into());
        put("intermediate_size", self.intermediate_size.into());
        put("num_hidden_layers", self.num_layers.into());
        put("num_attention_heads", self.num_heads.into());
        put("num_key_value_heads", self.num_kv_heads.into());
        put("head_dim", self.head_dim.into());
        put("hidden_act", "silu".into());
        put("rms_norm_eps", shortest(self.rms_norm_eps));
        put("rope_theta", shortest(self.rope_theta));
        put("rope_scaling", self.rope_scaling.to_json());
        put("max_position_embeddings", self.max_position_embeddings.into());
        put("tie_word_embeddings", self.tie_word_embeddings.into());
        put("attention_bias", self.output_bias.into());
        put("mlp_bias", self.mlp_bias.into());
        put("sliding_window", self.sliding_window.into());
        put("use_sliding_window", self.sliding_window.is_some().into());
        put("max_window_layers", if self.sliding_window.is_some() { 0 } else { self.num_layers }.into());
        object
    }
}

impl RopeScaling {
    fn to_json(self) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Linear { factor } => json!({ "rope_type": "linear", "factor": shortest(factor) }),
            Self::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_position } => json!({
                "rope_type": "llama3",
                "factor": shortest(factor),
                "low_freq_factor": shortest(low_freq_factor),
                "high_freq_factor": shortest(high_freq_factor),
                "original_max_position_embeddings": original_max_position,
            }),
        }
    }
}

/// The number with the fewest digits that reads back as the same `f32`: 1e-6 instead of 9.999999974752427e-7.
pub(super) fn shortest(number: f32) -> Value {
    number.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}
