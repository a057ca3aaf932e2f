//! The tiny checkpoints that `fixtures/models.py` made, and what transformers computed with them.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use safetensors::SafeTensors;
use serde::Deserialize;

/// Every checkpoint: one of each family.
pub(crate) const MODELS: [&str; 5] =
    ["llama3-tied", "llama-biased-sharded", "mistral-window", "qwen2", "qwen3"];

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The directory of a checkpoint.
pub(crate) fn model(name: &str) -> PathBuf {
    fixtures().join("models").join(name)
}

/// What transformers computed: `expected.json` and `expected.safetensors`.
#[derive(Deserialize)]
pub(crate) struct Expected {
    /// A ragged batch of token ids.
    pub(crate) rows: Vec<Vec<u32>>,
    /// The greedy continuation of each row; no end token stops it.
    pub(crate) greedy: Vec<Vec<u32>>,
    /// Sizes of every tensor, and FNV-1a of its f32 bytes.
    pub(crate) tensors: BTreeMap<String, Held>,
    /// `logits.<row>` (tokens x vocabulary), `logprobs.1.<row>` and `logprobs.0.7.<row>` (of every token but the first,
    /// at that temperature), `loss` (mean over all those tokens, at temperature 1), `grad.<tensor>` of that loss.
    #[serde(skip)]
    pub(crate) values: BTreeMap<String, Vec<f32>>,
}

/// A tensor as transformers holds it in f32.
#[derive(Deserialize)]
pub(crate) struct Held {
    pub(crate) shape: Vec<usize>,
    pub(crate) fnv1a: String,
}

impl Expected {
    pub(crate) fn of(name: &str) -> Self {
        let directory = model(name);
        let mut expected: Self =
            serde_json::from_slice(&fs::read(directory.join("expected.json")).unwrap()).unwrap();
        let bytes = fs::read(directory.join("expected.safetensors")).unwrap();
        for (key, view) in SafeTensors::deserialize(&bytes).unwrap().tensors() {
            let (numbers, _) = view.data().as_chunks();
            expected.values.insert(key, numbers.iter().map(|four| f32::from_le_bytes(*four)).collect());
        }
        expected
    }
}
