//! Models for tests: seeded random parameters of any shape, and a plain f64 forward pass to compare with.

use dfdx::tensor::Cpu;

use crate::{
    config::{Architecture, PolicyConfig, RopeScaling},
    params::Params,
    tensor::{HostTensor, TensorMap},
};

/// Numbers in [-1, 1), the same for the same salt.
pub(crate) fn numbers(count: usize, salt: u32) -> Vec<f32> {
    let mut state = 0x9e37_79b9_u32 ^ salt.wrapping_mul(0x85eb_ca6b);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// A tiny Llama with grouped heads.
pub(crate) fn tiny() -> PolicyConfig {
    let (intermediate_size, num_kv_heads) = (40, 2);
    PolicyConfig {
        intermediate_size,
        num_kv_heads,
        max_position_embeddings: 256,
        ..PolicyConfig::llama(67, 24, 2, 4)
    }
}

/// One tiny model for each thing that families differ in.
pub(crate) fn families() -> Vec<PolicyConfig> {
    let llama3 = RopeScaling::Llama3 {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position: 64,
    };
    vec![
        tiny(),
        PolicyConfig { rope_scaling: llama3, tie_word_embeddings: true, ..tiny() },
        PolicyConfig { architecture: Architecture::Mistral, sliding_window: Some(5), head_dim: 18, ..tiny() },
        PolicyConfig { architecture: Architecture::Qwen2, qkv_bias: true, num_kv_heads: 1, ..tiny() },
        PolicyConfig { architecture: Architecture::Qwen3, qk_norm: true, head_dim: 16, ..tiny() },
        PolicyConfig { output_bias: true, qkv_bias: true, mlp_bias: true, ..tiny() },
    ]
}

/// Seeded random tensors for `config`, scaled so that logits spread over a few units.
pub(crate) fn tensors(config: &PolicyConfig, salt: u32) -> TensorMap {
    let mut tensors = TensorMap::new();
    let mut add = |name: String, shape: &[usize]| {
        let count = shape.iter().product();
        let salt = salt.wrapping_add(tensors.len() as u32);
        let is_norm = name.contains("norm");
        let scale = if shape.len() == 2 { 2.0 / (shape[1] as f32).sqrt() } else { 0.3 };
        let data = numbers(count, salt).into_iter().map(|x| x * scale + if is_norm { 1.0 } else { 0.0 });
        tensors.insert(name, HostTensor { shape: shape.to_vec(), data: data.collect() });
    };
    let (width, inner) = (config.hidden_size, config.intermediate_size);
    let (queries, keys) = (config.query_width(), config.kv_width());
    add("model.embed_tokens.weight".into(), &[config.vocab_size, width]);
    for layer in 0..config.num_layers {
        let name = |rest: &str| format!("model.layers.{layer}.{rest}");
        let projections = [
            ("self_attn.q_proj", queries, width, config.qkv_bias),
            ("self_attn.k_proj", keys, width, config.qkv_bias),
            ("self_attn.v_proj", keys, width, config.qkv_bias),
            ("self_attn.o_proj", width, queries, config.output_bias),
            ("mlp.gate_proj", inner, width, config.mlp_bias),
            ("mlp.up_proj", inner, width, config.mlp_bias),
            ("mlp.down_proj", width, inner, config.mlp_bias),
        ];
        for (part, rows, columns, bias) in projections {
            add(name(&format!("{part}.weight")), &[rows, columns]);
            if bias {
                add(name(&format!("{part}.bias")), &[rows]);
            }
        }
        add(name("input_layernorm.weight"), &[width]);
        add(name("post_attention_layernorm.weight"), &[width]);
        if config.qk_norm {
            add(name("self_attn.q_norm.weight"), &[config.head_dim]);
            add(name("self_attn.k_norm.weight"), &[config.head_dim]);
        }
    }
    add("model.norm.weight".into(), &[width]);
    if !config.tie_word_embeddings {
        add("lm_head.weight".into(), &[config.vocab_size, width]);
    }
    tensors
}

/// Parameters of those tensors on the CPU.
pub(crate) fn params(config: &PolicyConfig, salt: u32) -> Params<Cpu> {
    Params::new(&Cpu::default(), config, tensors(config, salt)).unwrap()
}

/// Logits after each of `ids`, by the textbook in f64: no cache, no batching, no fusion.
pub(crate) fn reference_logits(config: &PolicyConfig, tensors: &TensorMap, ids: &[u32]) -> Vec<Vec<f64>> {
    let model = Reference { config, tensors };
    let width = config.hidden_size;
    let embedding = model.get("model.embed_tokens.weight");
    let mut hidden: Vec<Vec<f64>> =
        ids.iter().map(|id| embedding[*id as usize * width..][..width].to_vec()).collect();
    for layer in 0..config.num_layers {
        model.block(layer, &mut hidden);
    }
    let head = if config.tie_word_embeddings { "model.embed_tokens" } else { "lm_head" };
    hidden.iter().map(|x| model.project(head, &model.normalise("model.norm.weight", x))).collect()
}

struct Reference<'a> {
    config: &'a PolicyConfig,
    tensors: &'a TensorMap,
}

impl Reference<'_> {
    fn get(&self, name: &str) -> Vec<f64> {
        self.tensors[name].data.iter().map(|x| f64::from(*x)).collect()
    }

    fn project(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let weight = self.get(&format!("{name}.weight"));
        let bias = self.tensors.get(&format!("{name}.bias"));
        weight
            .chunks(x.len())
            .enumerate()
            .map(|(row, weights)| {
                let bias = bias.map_or(0.0, |bias| f64::from(bias.data[row]));
                weights.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + bias
            })
            .collect()
    }

    fn normalise(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
        let root = (mean + f64::from(self.config.rms_norm_eps)).sqrt();
        self.get(name).iter().zip(x).map(|(scale, x)| scale * x / root).collect()
    }

    fn heads(&self, projection: &str, norm: &str, x: &[f64], position: usize) -> Vec<Vec<f64>> {
        let half = self.config.head_dim / 2;
        let frequencies = self.config.rope_frequencies();
        self.project(projection, x)
            .chunks(self.config.head_dim)
            .map(|head| {
                let head = if self.config.qk_norm { self.normalise(norm, head) } else { head.to_vec() };
                let turned = |i: usize| {
                    let (sin, cos) = (f64::from(frequencies[i % half]) * position as f64).sin_cos();
                    if i < half {
                        head[i] * cos - head[i + half] * sin
                    } else {
                        head[i] * cos + head[i - half] * sin
                    }
                };
                (0..2 * half).map(turned).collect()
            })
            .collect()
    }

    fn block(&self, layer: usize, hidden: &mut [Vec<f64>]) {
        let name = |rest: &str| format!("model.layers.{layer}.{rest}");
        let normed: Vec<_> =
            hidden.iter().map(|x| self.normalise(&name("input_layernorm.weight"), x)).collect();
        let placed = |part: &str| -> Vec<_> {
            let (projection, norm) =
                (name(&format!("self_attn.{part}_proj")), name(&format!("self_attn.{part}_norm.weight")));
            normed.iter().enumerate().map(|(i, x)| self.heads(&projection, &norm, x, i)).collect()
        };
        let (queries, keys) = (placed("q"), placed("k"));
        let values: Vec<_> = normed.iter().map(|x| self.project(&name("self_attn.v_proj"), x)).collect();
        for (position, hidden) in hidden.iter_mut().enumerate() {
            let attended = self.attend(&queries[position], &keys[..=position], &values);
            add(hidden, &self.project(&name("self_attn.o_proj"), &attended));
            let normed = self.normalise(&name("post_attention_layernorm.weight"), hidden);
            let (gate, up) =
                (self.project(&name("mlp.gate_proj"), &normed), self.project(&name("mlp.up_proj"), &normed));
            let inner: Vec<_> =
                gate.iter().zip(up).map(|(gate, up)| gate / (1.0 + (-gate).exp()) * up).collect();
            add(hidden, &self.project(&name("mlp.down_proj"), &inner));
        }
    }

    fn attend(&self, queries: &[Vec<f64>], keys: &[Vec<Vec<f64>>], values: &[Vec<f64>]) -> Vec<f64> {
        let dim = self.config.head_dim;
        let group = self.config.num_heads / self.config.num_kv_heads;
        let start = self.config.sliding_window.map_or(0, |window| keys.len().saturating_sub(window));
        queries
            .iter()
            .enumerate()
            .flat_map(|(head, query)| {
                let shared = head / group;
                let score = |key: &Vec<Vec<f64>>| {
                    key[shared].iter().zip(query).map(|(k, q)| k * q).sum::<f64>() / (dim as f64).sqrt()
                };
                let scores: Vec<f64> = keys[start..].iter().map(score).collect();
                let highest = scores.iter().copied().fold(f64::MIN, f64::max);
                let weights: Vec<f64> = scores.iter().map(|score| (score - highest).exp()).collect();
                let total: f64 = weights.iter().sum();
                (0..dim)
                    .map(|i| {
                        let blend =
                            weights.iter().zip(&values[start..]).map(|(w, v)| w * v[shared * dim + i]);
                        blend.sum::<f64>() / total
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

fn add(to: &mut [f64], what: &[f64]) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += what);
}

/// log Σ e^x, in f64.
pub(crate) fn log_sum_exp(x: &[f64]) -> f64 {
    let highest = x.iter().copied().fold(f64::MIN, f64::max);
    highest + x.iter().map(|x| (x - highest).exp()).sum::<f64>().ln()
}
