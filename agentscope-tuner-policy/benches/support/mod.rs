//! The Llama shapes that the benches measure, and how they meet their peers.

use std::process::Command;

use agentscope_tuner_policy::{
    HostTensor, PolicyConfig, TensorMap,
    config::{Architecture, RopeScaling},
};

/// A Llama with tied embeddings and as many key heads as query heads.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) layers: usize,
    pub(crate) width: usize,
    pub(crate) heads: usize,
    pub(crate) inner: usize,
    pub(crate) vocabulary: usize,
}

/// 0.22, 0.87, 10 and 98 million parameters.
#[rustfmt::skip]
pub(crate) const SHAPES: [Shape; 4] = [
    Shape { layers: 2, width: 96, heads: 4, inner: 256, vocabulary: 16 },
    Shape { layers: 4, width: 128, heads: 4, inner: 352, vocabulary: 512 },
    Shape { layers: 8, width: 320, heads: 5, inner: 896, vocabulary: 512 },
    Shape { layers: 12, width: 768, heads: 12, inner: 2048, vocabulary: 16_384 },
];

impl Shape {
    pub(crate) fn config(&self, context: usize) -> PolicyConfig {
        PolicyConfig {
            architecture: Architecture::Llama,
            vocab_size: self.vocabulary,
            hidden_size: self.width,
            intermediate_size: self.inner,
            num_layers: self.layers,
            num_heads: self.heads,
            num_kv_heads: self.heads,
            head_dim: self.width / self.heads,
            rms_norm_eps: 1e-5,
            rope_theta: 10_000.0,
            rope_scaling: RopeScaling::None,
            max_position_embeddings: context,
            tie_word_embeddings: true,
            qkv_bias: false,
            output_bias: false,
            mlp_bias: false,
            qk_norm: false,
            sliding_window: None,
        }
    }

    /// Weights like those of an untrained model; a norm's scale is 1.
    pub(crate) fn checkpoint(&self) -> TensorMap {
        let (width, inner) = (self.width, self.inner);
        let mut tensors = TensorMap::new();
        let mut add = |name: String, shape: &[usize]| {
            let len: usize = shape.iter().product();
            let value = |i: usize| ((i.wrapping_mul(2_654_435_761) >> 9) % 2003) as f32 / 50_000.0 - 0.02;
            let data = if shape.len() == 1 { vec![1.0; len] } else { (0..len).map(value).collect() };
            tensors.insert(name, HostTensor { shape: shape.to_vec(), data });
        };
        add("model.embed_tokens.weight".into(), &[self.vocabulary, width]);
        add("model.norm.weight".into(), &[width]);
        for layer in 0..self.layers {
            let mut add =
                |rest: &str, shape: &[usize]| add(format!("model.layers.{layer}.{rest}.weight"), shape);
            add("input_layernorm", &[width]);
            add("post_attention_layernorm", &[width]);
            for part in ["q", "k", "v", "o"] {
                add(&format!("self_attn.{part}_proj"), &[width, width]);
            }
            add("mlp.gate_proj", &[inner, width]);
            add("mlp.up_proj", &[inner, width]);
            add("mlp.down_proj", &[width, inner]);
        }
        tensors
    }

    /// Millions of parameters.
    pub(crate) fn millions(&self) -> f64 {
        let block = 4 * self.width * self.width + 3 * self.width * self.inner + 2 * self.width;
        (self.vocabulary * self.width + self.layers * block + self.width) as f64 / 1e6
    }

    /// The sizes as the peers' scripts take them.
    pub(crate) fn arguments(&self) -> Vec<usize> {
        vec![self.layers, self.width, self.heads, self.heads, self.inner, self.vocabulary, 1]
    }
}

/// The shapes to measure: all, or the one whose number `SHAPE` gives.
pub(crate) fn wanted() -> impl Iterator<Item = (usize, Shape)> {
    let only = std::env::var("SHAPE").ok().and_then(|index| index.parse::<usize>().ok());
    SHAPES.into_iter().enumerate().filter(move |(index, _)| only.is_none_or(|only| only == *index))
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Runs a script of `peers/` with the Python that `PEER_PYTHON` names, and gives the numbers that it prints.
pub(crate) fn peer(script: &str, arguments: &[usize]) -> Option<Vec<f64>> {
    let python = std::env::var("PEER_PYTHON").ok()?;
    let script = format!("{}/benches/peers/{script}", env!("CARGO_MANIFEST_DIR"));
    let arguments = arguments.iter().map(usize::to_string);
    let output =
        Command::new(python).arg(script).args(arguments).output().expect("PEER_PYTHON names a Python");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the peer failed: {errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.split_whitespace().map(|number| number.parse().expect("the peer prints numbers")).collect())
}
