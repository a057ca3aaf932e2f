//! The model once more, in f64, as plainly as it can be written: one row at a time, no packing, no fusing.

use std::collections::BTreeMap;

use crate::config::PolicyConfig;

pub(super) type Weights = BTreeMap<String, Vec<f64>>;

/// x Wᵀ for one row; W has as many columns as `x` has numbers.
pub(super) fn linear(x: &[f64], w: &[f64]) -> Vec<f64> {
    w.chunks(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
}

pub(super) fn rms_norm(x: &[f64], scale: &[f64], eps: f64) -> Vec<f64> {
    let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
    x.iter().zip(scale).map(|(x, scale)| x / (mean + eps).sqrt() * scale).collect()
}

pub(super) fn rotate(x: &[f64], position: usize, frequencies: &[f32]) -> Vec<f64> {
    let half = frequencies.len();
    let angle = |i: usize| position as f64 * f64::from(frequencies[i % half]);
    (0..2 * half)
        .map(|i| match i < half {
            true => x[i] * angle(i).cos() - x[i + half] * angle(i).sin(),
            false => x[i] * angle(i).cos() + x[i - half] * angle(i).sin(),
        })
        .collect()
}

pub(super) fn swiglu(gate_up: &[f64]) -> Vec<f64> {
    let (gate, up) = gate_up.split_at(gate_up.len() / 2);
    gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect()
}

/// Log-probability of the target and entropy.
pub(super) fn log_prob(logits: &[f64], target: usize, temperature: f64) -> [f64; 2] {
    let scaled: Vec<f64> = logits.iter().map(|l| l / temperature).collect();
    let log_sum = scaled.iter().map(|l| l.exp()).sum::<f64>().ln();
    let entropy = scaled.iter().map(|l| -(l - log_sum).exp() * (l - log_sum)).sum();
    [scaled[target] - log_sum, entropy]
}

/// The sizes that the attention needs.
pub(super) struct Attention<'a> {
    pub(super) config: &'a PolicyConfig,
    pub(super) norms: Option<[&'a [f64]; 2]>,
}

impl Attention<'_> {
    /// Attention of one sequence, given its rows of q, k and v side by side.
    pub(super) fn sequence(&self, qkv: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let config = self.config;
        let group = config.num_heads / config.num_kv_heads;
        (0..qkv.len())
            .map(|row| {
                (0..config.num_heads)
                    .flat_map(|head| {
                        let first = (row + 1).saturating_sub(config.sliding_window.unwrap_or(usize::MAX));
                        let query = self.head(qkv, row, head, 0);
                        let keys = first..=row;
                        let weights: Vec<f64> = keys
                            .clone()
                            .map(|key| {
                                let key = self.head(qkv, key, config.num_heads + head / group, 1);
                                let product: f64 = query.iter().zip(&key).map(|(q, k)| q * k).sum();
                                (product / (config.head_dim as f64).sqrt()).exp()
                            })
                            .collect();
                        let mut out = vec![0.0; config.head_dim];
                        for (key, weight) in keys.zip(&weights) {
                            let v = config.num_heads + config.num_kv_heads + head / group;
                            for (out, v) in out.iter_mut().zip(&qkv[key][v * config.head_dim..]) {
                                *out += weight / weights.iter().sum::<f64>() * v;
                            }
                        }
                        out
                    })
                    .collect()
            })
            .collect()
    }

    fn head(&self, qkv: &[Vec<f64>], row: usize, head: usize, which: usize) -> Vec<f64> {
        let dim = self.config.head_dim;
        let x = qkv[row][head * dim..][..dim].to_vec();
        let eps = f64::from(self.config.rms_norm_eps);
        let x = self.norms.map_or(x.clone(), |norms| rms_norm(&x, norms[which], eps));
        rotate(&x, row, &self.config.rope_frequencies())
    }
}

/// Hidden states of one sequence after the last norm.
pub(super) fn hidden(config: &PolicyConfig, weights: &Weights, ids: &[u32]) -> Vec<Vec<f64>> {
    let eps = f64::from(config.rms_norm_eps);
    let width = config.hidden_size;
    let get = |name: String| &weights[&name][..];
    let embedding = get("model.embed_tokens.weight".into());
    let mut x: Vec<Vec<f64>> =
        ids.iter().map(|id| embedding[*id as usize * width..][..width].to_vec()).collect();
    for layer in 0..config.num_layers {
        let name = |rest: &str| format!("model.layers.{layer}.{rest}");
        let apply = |x: &[f64], part: &str| {
            let bias = weights.get(&name(&format!("{part}.bias")));
            let mut y = linear(x, get(name(&format!("{part}.weight"))));
            y.iter_mut().zip(bias.into_iter().flatten()).for_each(|(y, b)| *y += b);
            y
        };
        let qkv: Vec<Vec<f64>> = x
            .iter()
            .map(|x| {
                let h = rms_norm(x, get(name("input_layernorm.weight")), eps);
                ["q", "k", "v"].iter().flat_map(|p| apply(&h, &format!("self_attn.{p}_proj"))).collect()
            })
            .collect();
        let norms = config
            .qk_norm
            .then(|| ["q", "k"].map(|part| get(name(&format!("self_attn.{part}_norm.weight")))));
        for (x, out) in x.iter_mut().zip((Attention { config, norms }).sequence(&qkv)) {
            x.iter_mut().zip(apply(&out, "self_attn.o_proj")).for_each(|(x, o)| *x += o);
            let h = rms_norm(x, get(name("post_attention_layernorm.weight")), eps);
            let gate_up: Vec<f64> =
                ["gate", "up"].iter().flat_map(|p| apply(&h, &format!("mlp.{p}_proj"))).collect();
            x.iter_mut().zip(apply(&swiglu(&gate_up), "mlp.down_proj")).for_each(|(x, d)| *x += d);
        }
    }
    x.iter().map(|x| rms_norm(x, get("model.norm.weight".into()), eps)).collect()
}

/// The output projection's rows.
pub(super) fn projection(weights: &Weights) -> &[f64] {
    weights.get("lm_head.weight").unwrap_or_else(|| &weights["model.embed_tokens.weight"])
}
