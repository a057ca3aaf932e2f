//! Models small enough for central differences, with every extra of their families.

use std::ops::Range;

use dfdx::{
    prelude::SumTo,
    tensor::{Cpu, Gradients, NoneTape, OwnedTape, Tape},
    tensor_ops::Backward,
};

use super::harness::{TestDevice, numbers};
use crate::{
    config::{Architecture, PolicyConfig, RopeScaling},
    params::Params,
    tape::{Batch, ForwardSettings, LogProbs, Lora, Targets, forward, log_probs},
    tensor::{HostTensor, TensorMap},
};

pub(super) const TEMPERATURE: f32 = 0.7;

/// Every extra that a family has, on the smallest sizes that tell them apart.
pub(super) fn tiny(architecture: Architecture) -> PolicyConfig {
    let (qwen2, qwen3) = (architecture == Architecture::Qwen2, architecture == Architecture::Qwen3);
    PolicyConfig {
        architecture,
        vocab_size: 11,
        hidden_size: 6,
        intermediate_size: 5,
        num_layers: 2,
        num_heads: 4,
        num_kv_heads: 2,
        head_dim: 2,
        rms_norm_eps: 1e-5,
        rope_theta: 50.0,
        rope_scaling: RopeScaling::None,
        max_position_embeddings: 64,
        tie_word_embeddings: qwen2,
        qkv_bias: qwen2,
        output_bias: architecture == Architecture::Llama,
        mlp_bias: architecture == Architecture::Llama,
        qk_norm: qwen3,
        sliding_window: (architecture == Architecture::Mistral).then_some(3),
    }
}

/// A checkpoint of such numbers, each tensor with its own.
pub(super) fn checkpoint(config: &PolicyConfig) -> TensorMap {
    let mut tensors = TensorMap::new();
    // Asking for what is missing, until nothing is: the names live in `Params` alone.
    loop {
        match Params::new(&Cpu::default(), config, tensors.clone()) {
            Ok(_) => return tensors,
            Err(error) => {
                let message = error.to_string();
                let name = message.split('`').nth(1).unwrap().to_owned();
                let shape = shape_of(config, &name);
                let data = numbers(tensors.len() as u64 + 50, shape.iter().product());
                let data =
                    if name.contains("norm") { data.iter().map(|x| 1.0 + 0.3 * x).collect() } else { data };
                tensors.insert(name, HostTensor { shape, data });
            }
        }
    }
}

fn shape_of(config: &PolicyConfig, name: &str) -> Vec<usize> {
    let (width, inner) = (config.hidden_size, config.intermediate_size);
    let part = name.trim_end_matches(".weight").trim_end_matches(".bias");
    let (rows, columns) = match part.rsplit('.').next().unwrap() {
        "embed_tokens" | "lm_head" => (config.vocab_size, width),
        "q_proj" => (config.query_width(), width),
        "k_proj" | "v_proj" => (config.kv_width(), width),
        "o_proj" => (width, config.query_width()),
        "gate_proj" | "up_proj" => (inner, width),
        "down_proj" => (width, inner),
        "q_norm" | "k_norm" => return vec![config.head_dim],
        _ => return vec![width],
    };
    if name.ends_with("bias") { vec![rows] } else { vec![rows, columns] }
}

pub(super) fn batch() -> Batch {
    Batch::new([&[3_u32, 1, 4, 1, 5][..], &[9], &[2, 6, 5, 3]])
}

pub(super) struct Model<D: TestDevice> {
    pub(super) config: PolicyConfig,
    pub(super) params: Params<D>,
    pub(super) lora: Option<Lora<D>>,
}

impl<D: TestDevice> Model<D> {
    pub(super) fn new(architecture: Architecture) -> Self {
        let config = tiny(architecture);
        let params = Params::new(&D::shared(), &config, checkpoint(&config)).unwrap();
        Self { config, params, lora: None }
    }

    pub(super) fn log_probs<T: Tape<f32, D>>(
        &self,
        batch: &Batch,
        tape: T,
        recompute: bool,
        bytes: usize,
    ) -> LogProbs<D, T> {
        let Self { config, params, lora } = self;
        let hidden =
            forward(config, params, lora.as_ref(), batch, tape, ForwardSettings { recompute }).unwrap();
        let targets = Targets::next_tokens(batch);
        log_probs(hidden, params.output_projection(), &targets, TEMPERATURE, bytes).unwrap()
    }

    /// Gradients of Σ weight · (log-probabilities, then entropies).
    pub(super) fn gradients(&self, weights: &[f32], recompute: bool, bytes: usize) -> Gradients<f32, D> {
        let out = self.log_probs(&batch(), OwnedTape::default(), recompute, bytes);
        let count = weights.len() / 2;
        let weight = |range: Range<usize>| D::shared().tensor_from_vec(weights[range].to_vec(), (count,));
        let of_log_probs = (out.log_probs * weight(0..count)).sum();
        let of_entropies = (out.entropies * weight(count..2 * count)).sum();
        (of_log_probs + of_entropies).backward()
    }

    pub(super) fn values(&self, recompute: bool, bytes: usize) -> Vec<f32> {
        let out = self.log_probs(&batch(), NoneTape, recompute, bytes);
        [out.log_probs.as_vec(), out.entropies.as_vec()].concat()
    }
}
