//! The providers that are known by name, as data.

use super::{
    Model,
    openai::{Dialect, Thinking},
    spec::{Env, ModelSpec},
};
use crate::error::Result;

/// Which client speaks to a provider.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Protocol {
    OpenAi(Dialect),
    Anthropic,
    Gemini,
    Scripted,
    Cassette,
    #[cfg(feature = "embedded")]
    Embedded,
}

/// What is known about a provider.
#[derive(Debug)]
pub(super) struct Preset {
    pub(super) name: &'static str,
    pub(super) protocol: Protocol,
    /// Where it is, unless `base-url` says otherwise. Empty for models inside this process.
    pub(super) base_url: &'static str,
    /// The variable of its key, which is used with this base URL alone.
    pub(super) key_variable: Option<&'static str>,
    /// Whether it refuses calls without a key.
    pub(super) needs_key: bool,
    /// Whether it takes a seed.
    pub(super) takes_seed: bool,
}

const COMPATIBLE: Dialect = Dialect::COMPATIBLE;

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        name: "openai",
        protocol: Protocol::OpenAi(Dialect { max_tokens: "max_completion_tokens", ..COMPATIBLE }),
        base_url: "https://api.openai.com/v1",
        key_variable: Some("OPENAI_API_KEY"),
        needs_key: true,
        takes_seed: true,
    },
    Preset {
        name: "dashscope",
        protocol: Protocol::OpenAi(Dialect { thinking: Thinking::Switch, ..COMPATIBLE }),
        base_url: "https://dashscope.aliyuncs.com/compatible-mode/v1",
        key_variable: Some("DASHSCOPE_API_KEY"),
        needs_key: true,
        takes_seed: true,
    },
    Preset {
        name: "deepseek",
        protocol: Protocol::OpenAi(Dialect { json_schema: false, echo_reasoning: true, ..COMPATIBLE }),
        base_url: "https://api.deepseek.com/v1",
        key_variable: Some("DEEPSEEK_API_KEY"),
        needs_key: true,
        takes_seed: false,
    },
    Preset {
        name: "ollama",
        protocol: Protocol::OpenAi(COMPATIBLE),
        base_url: "http://127.0.0.1:11434/v1",
        key_variable: None,
        needs_key: false,
        takes_seed: true,
    },
    Preset {
        name: "vllm",
        protocol: Protocol::OpenAi(COMPATIBLE),
        base_url: "http://127.0.0.1:8000/v1",
        key_variable: Some("VLLM_API_KEY"),
        needs_key: false,
        takes_seed: true,
    },
    Preset {
        name: "anthropic",
        protocol: Protocol::Anthropic,
        base_url: "https://api.anthropic.com/v1",
        key_variable: Some("ANTHROPIC_API_KEY"),
        needs_key: true,
        takes_seed: false,
    },
    Preset {
        name: "gemini",
        protocol: Protocol::Gemini,
        base_url: "https://generativelanguage.googleapis.com/v1beta",
        key_variable: Some("GEMINI_API_KEY"),
        needs_key: true,
        takes_seed: true,
    },
    in_process("scripted", Protocol::Scripted),
    in_process("cassette", Protocol::Cassette),
    #[cfg(feature = "embedded")]
    in_process("embedded", Protocol::Embedded),
];

const fn in_process(name: &'static str, protocol: Protocol) -> Preset {
    Preset { name, protocol, base_url: "", key_variable: None, needs_key: false, takes_seed: true }
}

impl Preset {
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The dialect at `base_url`: OpenAI's newest field names are for OpenAI's own server.
    pub(super) fn dialect_at(&self, dialect: Dialect, own_base_url: bool) -> Dialect {
        if own_base_url { Dialect { max_tokens: COMPATIBLE.max_tokens, ..dialect } } else { dialect }
    }
}

/// A provider that another module or crate adds; submit one with [`inventory::submit!`].
///
/// Its settings come from the same `[models.NAME]` table as everybody's.
#[derive(Debug)]
pub struct ProviderEntry {
    /// What `provider = "…"` says. Must not be the name of a built-in provider.
    pub name: &'static str,
    /// Makes the model that a table describes.
    pub build: fn(&ModelSpec, &Env<'_>) -> Result<Model>,
}

inventory::collect!(ProviderEntry);

impl ProviderEntry {
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        inventory::iter::<Self>.into_iter().find(|entry| entry.name == name)
    }
}

/// Every name that `provider = "…"` takes, sorted.
pub fn provider_names() -> Vec<&'static str> {
    let added = inventory::iter::<ProviderEntry>.into_iter().map(|entry| entry.name);
    let mut names: Vec<_> = PRESETS.iter().map(|preset| preset.name).chain(added).collect();
    names.sort_unstable();
    names.dedup();
    names
}
