//! From `config.json` to [`PolicyConfig`].

use serde_json::{Map, Value};

use super::{Architecture, PolicyConfig, fields::Fields, rope::read_rope};
use crate::error::Result;

impl PolicyConfig {
    /// Reads the object of a `config.json`. A field that it leaves out means what `transformers` takes it for.
    ///
    /// # Errors
    /// One error that lists every fault: an unknown architecture, an activation other than SiLU, a rotary scaling
    /// other than linear or Llama 3's, quantised weights, sizes that are missing or do not divide.
    pub fn from_json(json: &Map<String, Value>) -> Result<Self> {
        let mut fields = Fields::new(json);
        let Some(family) = Architecture::read(&mut fields) else {
            return Err(fields.failure("`config.json` cannot be used"));
        };
        let config = read(family, &mut fields);
        config.check_sizes(&mut fields);
        refuse_unsupported(&mut fields);
        fields.finish("`config.json` cannot be used")?;
        Ok(config)
    }

    fn check_sizes(&self, fields: &mut Fields<'_>) {
        let (heads, kv_heads) = (self.num_heads, self.num_kv_heads);
        if !heads.is_multiple_of(kv_heads) {
            fields.fault(format!(
                "`num_attention_heads` ({heads}) must be a multiple of `num_key_value_heads` ({kv_heads})"
            ));
        }
        if !self.head_dim.is_multiple_of(2) {
            fields.fault(format!(
                "`head_dim` ({}) must be even, since rotary positions turn pairs",
                self.head_dim
            ));
        }
    }
}

fn read(architecture: Architecture, fields: &mut Fields<'_>) -> PolicyConfig {
    let hidden_size = fields.required_size("hidden_size");
    let num_heads = fields.required_size("num_attention_heads");
    let num_layers = fields.required_size("num_hidden_layers");
    let max_position_embeddings =
        fields.size("max_position_embeddings").unwrap_or_else(|| architecture.default_max_positions());
    let (rope_theta, rope_scaling) = read_rope(fields, max_position_embeddings);
    let attention_bias = fields.flag("attention_bias").unwrap_or(false);
    let mlp_bias = fields.flag("mlp_bias").unwrap_or(false);
    let biased = attention_bias && matches!(architecture, Architecture::Llama | Architecture::Qwen3);
    PolicyConfig {
        architecture,
        vocab_size: fields.required_size("vocab_size"),
        hidden_size,
        intermediate_size: fields.required_size("intermediate_size"),
        num_layers,
        num_heads,
        num_kv_heads: read_kv_heads(architecture, fields, num_heads),
        head_dim: read_head_dim(architecture, fields, hidden_size, num_heads),
        rms_norm_eps: fields
            .number("rms_norm_eps", "a number above 0 and below 1", |eps| 0.0 < eps && eps < 1.0)
            .unwrap_or(1e-6),
        rope_theta,
        rope_scaling,
        max_position_embeddings,
        tie_word_embeddings: fields.flag("tie_word_embeddings").unwrap_or(false),
        qkv_bias: biased || architecture == Architecture::Qwen2,
        output_bias: biased,
        mlp_bias: mlp_bias && architecture == Architecture::Llama,
        qk_norm: architecture == Architecture::Qwen3,
        sliding_window: read_sliding_window(architecture, fields, num_layers)
            .filter(|window| *window < max_position_embeddings),
    }
}

fn read_kv_heads(family: Architecture, fields: &mut Fields<'_>, num_heads: usize) -> usize {
    match fields.size("num_key_value_heads") {
        Some(heads) => heads,
        None if fields.is_null("num_key_value_heads") => num_heads,
        None => family.default_kv_heads(num_heads),
    }
}

fn read_head_dim(
    family: Architecture,
    fields: &mut Fields<'_>,
    hidden_size: usize,
    num_heads: usize,
) -> usize {
    if let Some(head_dim) = fields.size("head_dim").or_else(|| family.default_head_dim()) {
        return head_dim;
    }
    if !hidden_size.is_multiple_of(num_heads) {
        fields.fault(format!(
            "`hidden_size` ({hidden_size}) must be a multiple of `num_attention_heads` ({num_heads}) where `head_dim` is not given"
        ));
    }
    // An odd quotient of sizes that do not divide would be reported twice.
    if hidden_size.is_multiple_of(num_heads) { hidden_size / num_heads } else { 2 }
}

/// The window that all layers share; none means that all attend to everything.
fn read_sliding_window(family: Architecture, fields: &mut Fields<'_>, num_layers: usize) -> Option<usize> {
    if family == Architecture::Llama {
        return None;
    }
    let window = match fields.size("sliding_window") {
        None if fields.is_null("sliding_window") => None,
        None => Some(4096),
        window => window,
    };
    let sliding_layers = match family {
        Architecture::Mistral => num_layers,
        _ if !fields.flag("use_sliding_window").unwrap_or(false) => 0,
        _ => sliding_layers(fields, num_layers),
    };
    if 0 < sliding_layers && sliding_layers < num_layers && window.is_some() {
        fields.fault(format!(
            "{sliding_layers} of {num_layers} layers use the sliding window, but only all or none is supported; \
             set `use_sliding_window` to false to attend to the whole context"
        ));
    }
    window.filter(|_| sliding_layers > 0)
}

/// How many layers attend to the window only: as `layer_types` lists them, else those from `max_window_layers` on.
fn sliding_layers(fields: &mut Fields<'_>, num_layers: usize) -> usize {
    let Some(types) = fields.get("layer_types").and_then(Value::as_array) else {
        return num_layers.saturating_sub(fields.count("max_window_layers").unwrap_or(28));
    };
    let is_known = |kind: &&Value| matches!(kind.as_str(), Some("full_attention" | "sliding_attention"));
    if let Some(unknown) = types.iter().find(|kind| !is_known(kind)) {
        fields
            .fault(format!("`layer_types` has {unknown}, but only full and sliding attention are supported"));
    }
    types.iter().filter(|kind| kind.as_str() == Some("sliding_attention")).count()
}

fn refuse_unsupported(fields: &mut Fields<'_>) {
    if let Some(activation) = fields.text("hidden_act").filter(|name| !matches!(*name, "silu" | "swish")) {
        fields.fault(format!("`hidden_act` is `{activation}`, but only `silu` is supported"));
    }
    if fields.get("quantization_config").is_some() {
        fields.fault("the weights are quantised; use the checkpoint that was not (f32, f16 or bf16)");
    }
}
