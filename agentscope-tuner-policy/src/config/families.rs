//! What each family means by its name and by a field that its configuration leaves out.

use super::{Architecture, fields::Fields};

impl Architecture {
    /// Every family that can be read.
    pub const ALL: [Self; 4] = [Self::Llama, Self::Mistral, Self::Qwen2, Self::Qwen3];

    /// The entry of `architectures` in `config.json`.
    pub fn class_name(self) -> &'static str {
        match self {
            Self::Llama => "LlamaForCausalLM",
            Self::Mistral => "MistralForCausalLM",
            Self::Qwen2 => "Qwen2ForCausalLM",
            Self::Qwen3 => "Qwen3ForCausalLM",
        }
    }

    /// `model_type` in `config.json`.
    pub fn model_type(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Mistral => "mistral",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
        }
    }

    /// The family that a configuration names; an unknown one is noted as a fault.
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let classes = fields.get("architectures").and_then(|value| value.as_array());
        let class = classes.and_then(|classes| classes.first()).and_then(|class| class.as_str());
        let (named, found) = match class {
            Some(class) => (class, Self::ALL.into_iter().find(|family| family.class_name() == class)),
            None => {
                let model_type = fields.text("model_type").unwrap_or_default();
                (model_type, Self::ALL.into_iter().find(|family| family.model_type() == model_type))
            }
        };
        if found.is_none() {
            let known = Self::ALL.map(Self::class_name).join(", ");
            fields.fault(format!("architecture `{named}` is not supported; use a checkpoint of {known}"));
        }
        found
    }

    /// Key and value heads where the configuration names none: `transformers` ships these defaults.
    pub(super) fn default_kv_heads(self, num_heads: usize) -> usize {
        match self {
            Self::Llama => num_heads,
            Self::Mistral => 8,
            Self::Qwen2 | Self::Qwen3 => 32,
        }
    }

    /// Width of a head where the configuration names none.
    pub(super) fn default_head_dim(self) -> Option<usize> {
        (self == Self::Qwen3).then_some(128)
    }

    pub(super) fn default_max_positions(self) -> usize {
        match self {
            Self::Llama => 2048,
            Self::Mistral => 131_072,
            Self::Qwen2 | Self::Qwen3 => 32_768,
        }
    }
}
