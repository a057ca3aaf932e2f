//! Slots: the parameters that the tuner fills.

use std::{fmt, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Demos;
use crate::model::Model;

/// What kind of value fills a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SlotRole {
    /// A chat model.
    Model,
    /// A text that instructs a model.
    Prompt,
    /// Worked examples.
    Demos,
    /// Any value from the configuration, for types of the user's own.
    Value,
    /// Nothing from the configuration: the value is made from the [`Context`](super::Context) alone.
    Context,
}

impl SlotRole {
    /// Whether the configuration and the strategies can set a slot of this role.
    pub fn is_configurable(self) -> bool {
        self != Self::Context
    }
}

impl fmt::Display for SlotRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Model => "model",
            Self::Prompt => "prompt",
            Self::Demos => "demos",
            Self::Value => "value",
            Self::Context => "context",
        })
    }
}

/// A slot of a workflow or judge, as its signature declares it.
#[derive(Clone, Copy, Debug)]
pub struct SlotSpec {
    /// Name of the parameter.
    pub name: &'static str,
    /// From the parameter's type.
    pub role: SlotRole,
    /// From `#[prompt(…)]` or `#[model(…)]`.
    pub default: SlotDefault,
    /// The parameter's type as written.
    pub type_name: &'static str,
    /// The parameter's doc comment.
    pub doc: &'static str,
}

/// What a slot holds when nothing else is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotDefault {
    /// Nothing.
    None,
    /// The text of `#[prompt(…)]`.
    Prompt(&'static str),
    /// The model's name in `[models]`, from `#[model(…)]`.
    Model(&'static str),
}

/// What fills a slot in one rollout.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Bound {
    /// A model.
    Model(Model),
    /// A text.
    Prompt(Arc<str>),
    /// Worked examples.
    Demos(Demos),
    /// A configured value.
    Value(Arc<Value>),
}

impl Bound {
    /// The role that it fills.
    pub fn role(&self) -> SlotRole {
        match self {
            Self::Model(_) => SlotRole::Model,
            Self::Prompt(_) => SlotRole::Prompt,
            Self::Demos(_) => SlotRole::Demos,
            Self::Value(_) => SlotRole::Value,
        }
    }
}

impl From<Model> for Bound {
    fn from(model: Model) -> Self {
        Self::Model(model)
    }
}

impl From<&str> for Bound {
    fn from(prompt: &str) -> Self {
        Self::Prompt(prompt.into())
    }
}

impl From<Arc<str>> for Bound {
    fn from(prompt: Arc<str>) -> Self {
        Self::Prompt(prompt)
    }
}

impl From<Arc<Value>> for Bound {
    fn from(value: Arc<Value>) -> Self {
        Self::Value(value)
    }
}

impl From<Demos> for Bound {
    fn from(demos: Demos) -> Self {
        Self::Demos(demos)
    }
}

impl From<Value> for Bound {
    fn from(value: Value) -> Self {
        Self::Value(Arc::new(value))
    }
}
