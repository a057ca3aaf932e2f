//! Candidates: what a strategy proposes. Data, hashable, never mutated.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    model::Sampling,
    workflow::{Demo, SlotRole},
};

/// Which slot of which component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SlotPath {
    /// Name of the workflow or judge.
    pub component: String,
    /// Name of the parameter.
    pub slot: String,
}

impl SlotPath {
    /// Slot `slot` of `component`.
    pub fn new(component: impl Into<String>, slot: impl Into<String>) -> Self {
        Self { component: component.into(), slot: slot.into() }
    }
}

impl fmt::Display for SlotPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.component, self.slot)
    }
}

impl From<SlotPath> for String {
    fn from(path: SlotPath) -> Self {
        path.to_string()
    }
}

impl TryFrom<String> for SlotPath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once('.') {
            Some((component, slot)) => Ok(Self::new(component, slot)),
            None => Err(format!("`{text}` is not a slot: write it as component.slot")),
        }
    }
}

/// What a slot can be given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SlotValue {
    /// A model of `[models]`, with sampling settings that go before its own.
    Model {
        /// Its name in `[models]`.
        name: String,
        /// What differs from its configured sampling.
        #[serde(default)]
        sampling: Sampling,
        /// After so many training steps, where the model is being trained: its answers differ from version to version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u64>,
    },
    /// A text.
    Prompt(String),
    /// Worked examples.
    Demos(Vec<Demo>),
    /// Any value.
    Value(Value),
}

impl SlotValue {
    /// The model of this name, as configured.
    pub fn model(name: impl Into<String>) -> Self {
        Self::Model { name: name.into(), sampling: Sampling::default(), version: None }
    }

    /// The role that it fills.
    pub fn role(&self) -> SlotRole {
        match self {
            Self::Model { .. } => SlotRole::Model,
            Self::Prompt(_) => SlotRole::Prompt,
            Self::Demos(_) => SlotRole::Demos,
            Self::Value(_) => SlotRole::Value,
        }
    }
}

/// Values for some slots; the others stay as configured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// A name for people; two candidates of one run have different ones.
    pub name: String,
    /// The values.
    pub slots: BTreeMap<SlotPath, SlotValue>,
}

impl Candidate {
    /// What is configured, unchanged.
    pub fn configured() -> Self {
        Self::new("configured")
    }

    /// A candidate that changes nothing yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), slots: BTreeMap::new() }
    }

    /// The same with one more slot set.
    #[must_use]
    pub fn with(mut self, slot: SlotPath, value: SlotValue) -> Self {
        self.slots.insert(slot, value);
        self
    }

    /// Identity of the values, whatever the name: 16 bytes.
    pub fn hash(&self) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        // A map with string keys in their order: writing it cannot fail, and equal values write equal text.
        serde_json::to_writer(&mut hasher, &self.slots).unwrap_or_default();
        let mut hash = [0; 16];
        hasher.finalize_xof().fill(&mut hash);
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_of_the_values() {
        let model = || SlotPath::new("solve", "model");
        let fast = Candidate::new("a").with(model(), SlotValue::model("fast"));
        let same = Candidate::new("b").with(model(), SlotValue::model("fast"));
        let strong = Candidate::new("a").with(model(), SlotValue::model("strong"));
        assert_eq!(fast.hash(), same.hash());
        assert_ne!(fast.hash(), strong.hash());
    }

    #[test]
    fn candidates_survive_json() {
        let candidate = Candidate::new("x")
            .with(SlotPath::new("solve", "system"), SlotValue::Prompt("Be brief.".into()))
            .with(SlotPath::new("solve", "model"), SlotValue::model("fast"));
        let json = serde_json::to_string(&candidate).unwrap();
        assert_eq!(serde_json::from_str::<Candidate>(&json).unwrap(), candidate);
    }
}
