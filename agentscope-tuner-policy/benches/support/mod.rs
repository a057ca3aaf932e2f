//! The Llama shapes that the benches measure, and how they meet their peers.

use std::process::Command;

use agentscope_tuner_policy::{
    HostTensor, PolicyConfig, TensorMap,
    config::{Architecture, RopeScaling},
    device::{DeviceKind, Precision},
};

/// A Llama with tied embeddings.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) layers: usize,
    pub(crate) width: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) inner: usize,
    pub(crate) vocabulary: usize,
}

/// 0.22, 0.87, 10 and 98 million parameters, and the sizes of Qwen2.5-0.5B, which are for a GPU.
#[rustfmt::skip]
pub(crate) const SHAPES: [Shape; 5] = [
    Shape { layers: 2, width: 96, heads: 4, kv_heads: 4, inner: 256, vocabulary: 16 },
    Shape { layers: 4, width: 128, heads: 4, kv_heads: 4, inner: 352, vocabulary: 512 },
    Shape { layers: 8, width: 320, heads: 5, kv_heads: 5, inner: 896, vocabulary: 512 },
    Shape { layers: 12, width: 768, heads: 12, kv_heads: 12, inner: 2048, vocabulary: 16_384 },
    Shape { layers: 24, width: 896, heads: 14, kv_heads: 2, inner: 4864, vocabulary: 151_936 },
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
            num_kv_heads: self.kv_heads,
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
            for (part, rows) in [("q", width), ("k", self.kv_width()), ("v", self.kv_width()), ("o", width)] {
                add(&format!("self_attn.{part}_proj"), &[rows, width]);
            }
            add("mlp.gate_proj", &[inner, width]);
            add("mlp.up_proj", &[inner, width]);
            add("mlp.down_proj", &[width, inner]);
        }
        tensors
    }

    /// Millions of parameters.
    pub(crate) fn millions(&self) -> f64 {
        let attention = 2 * (self.width + self.kv_width()) * self.width;
        let block = attention + 3 * self.width * self.inner + 2 * self.width;
        (self.vocabulary * self.width + self.layers * block + self.width) as f64 / 1e6
    }

    /// The sizes as the peers' scripts take them.
    pub(crate) fn arguments(&self) -> Vec<usize> {
        vec![self.layers, self.width, self.heads, self.kv_heads, self.inner, self.vocabulary, 1]
    }

    fn kv_width(&self) -> usize {
        self.width / self.heads * self.kv_heads
    }
}

/// The shapes to measure: the one whose number `SHAPE` gives, else the largest on a GPU and all others on the CPU.
pub(crate) fn wanted() -> impl Iterator<Item = (usize, Shape)> {
    let only = std::env::var("SHAPE").ok().and_then(|index| index.parse::<usize>().ok());
    let large = SHAPES.len() - 1;
    let usual = move |index: usize| (index == large) == (device() == DeviceKind::Cuda);
    SHAPES.into_iter().enumerate().filter(move |(index, _)| only.map_or(usual(*index), |only| only == *index))
}

/// Where to measure: on the CPU, or where `DEVICE` says, which the peers are told as well.
pub(crate) fn device() -> DeviceKind {
    match std::env::var("DEVICE").as_deref() {
        Ok("cuda") => DeviceKind::Cuda,
        Ok("cpu") | Err(_) => DeviceKind::Cpu,
        Ok(other) => panic!("DEVICE is cpu or cuda, not {other}"),
    }
}

/// How a GPU multiplies: in f32, or as `PRECISION` says, which the peers are told as well.
pub(crate) fn precision() -> Precision {
    match std::env::var("PRECISION").as_deref() {
        Ok("tf32") => Precision::Tf32,
        Ok("bf16") => Precision::Bf16,
        Ok("f32") | Err(_) => Precision::F32,
        Ok(other) => panic!("PRECISION is f32, tf32 or bf16, not {other}"),
    }
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
