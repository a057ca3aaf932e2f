//! Forward and backward of the mean token loss, on `THREADS` threads (2 unless it is set), of the shape with number
//! `SHAPE` (all unless it is set): median milliseconds, and the processor time of a step, which other programs on the
//! machine disturb less. Processor time counts waiting threads that spin, so compare it on one thread.
//!
//! With `PEER_PYTHON` naming a Python that has torch and transformers, each round also runs `peers/pytorch_train.py` on
//! the same shape, so that both meet the same load; the ratio is the median of the rounds' ratios.
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::{process::Command, time::Instant};

use agentscope_tuner_policy::{
    HostTensor, Params, PolicyConfig, TensorMap,
    config::{Architecture, RopeScaling},
    tape::{Batch, ForwardSettings, Targets, forward, log_probs},
};
use dfdx::{
    prelude::MeanTo,
    tensor::{Cpu, OwnedTape},
    tensor_ops::Backward,
};

const ROUNDS: usize = 3;

struct Shape {
    layers: usize,
    width: usize,
    heads: usize,
    inner: usize,
    vocabulary: usize,
    tied: bool,
    sequences: usize,
    length: usize,
    repeats: usize,
}

#[rustfmt::skip]
const SHAPES: [Shape; 4] = [
    Shape { layers: 2, width: 96, heads: 4, inner: 256, vocabulary: 16, tied: true, sequences: 256, length: 9, repeats: 20 },
    Shape { layers: 4, width: 128, heads: 4, inner: 352, vocabulary: 512, tied: true, sequences: 16, length: 128, repeats: 10 },
    Shape { layers: 8, width: 320, heads: 5, inner: 896, vocabulary: 512, tied: true, sequences: 8, length: 128, repeats: 5 },
    Shape { layers: 12, width: 768, heads: 12, inner: 2048, vocabulary: 16_384, tied: true, sequences: 4, length: 128, repeats: 2 },
];

fn main() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<usize>().ok());
    let (only, threads) = (number("SHAPE"), number("THREADS").unwrap_or(2));
    let recompute = std::env::var_os("RECOMPUTE").is_some();
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("no pool exists yet");
    println!("{threads} threads; ms a step, processor ms a step; PyTorch's; median ratio of each");
    for (index, shape) in SHAPES.iter().enumerate() {
        if only.is_none_or(|only| only == index) {
            compare(shape, recompute, threads);
        }
    }
}

fn compare(shape: &Shape, recompute: bool, threads: usize) {
    let config = shape.config();
    let params = Params::new(&Cpu::default(), &config, shape.checkpoint()).expect("names and shapes fit");
    let batch = shape.batch();
    let peer = std::env::var("PEER_PYTHON").ok();
    let mut rounds = Vec::new();
    step(&config, &params, &batch, recompute);
    for _ in 0..ROUNDS {
        let spent = processor_ms();
        let times: Vec<f64> = (0..shape.repeats).map(|_| step(&config, &params, &batch, recompute)).collect();
        let ours = [median(times), (processor_ms() - spent) / shape.repeats as f64];
        let theirs = peer.as_ref().map(|python| shape.run_peer(python, threads));
        rounds.push((ours, theirs));
    }
    let parameters: usize = params.iter().map(|param| param.var.rows() * param.var.columns()).sum();
    print!("{:.2} M | {} tokens", parameters as f64 / 1e6, batch.ids().len());
    let column = |of: fn(&[f64; 2], &[f64; 2]) -> f64| {
        let known = rounds.iter().map(|(ours, theirs)| of(ours, &theirs.unwrap_or([f64::NAN; 2])));
        median(known.collect())
    };
    print!(" | {:.1} {:.1}", column(|ours, _| ours[0]), column(|ours, _| ours[1]));
    if peer.is_none() {
        return println!();
    }
    print!(" | {:.1} {:.1}", column(|_, theirs| theirs[0]), column(|_, theirs| theirs[1]));
    println!(" | {:.2} {:.2}", column(|a, b| a[0] / b[0]), column(|a, b| a[1] / b[1]));
}

/// Processor time of this process so far; Linux counts it in hundredths of a second.
fn processor_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program stands in parentheses and may hold spaces; user and system time follow 11 fields later.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * 10.0
}

/// Milliseconds of one step.
fn step(config: &PolicyConfig, params: &Params<Cpu>, batch: &Batch, recompute: bool) -> f64 {
    let start = Instant::now();
    let settings = ForwardSettings { recompute };
    let hidden = forward(config, params, None, batch, OwnedTape::default(), settings).expect("a valid batch");
    let targets = Targets::next_tokens(batch);
    let out = log_probs(hidden, params.output_projection(), &targets, 1.0, 1 << 28).expect("valid targets");
    let grads = (-out.log_probs.mean()).backward();
    let elapsed = start.elapsed().as_secs_f64() * 1e3;
    drop(grads);
    elapsed
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Shape {
    fn config(&self) -> PolicyConfig {
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
            max_position_embeddings: self.length,
            tie_word_embeddings: self.tied,
            qkv_bias: false,
            output_bias: false,
            mlp_bias: false,
            qk_norm: false,
            sliding_window: None,
        }
    }

    fn batch(&self) -> Batch {
        let token = |i: usize| (i.wrapping_mul(2_654_435_761) >> 7) % self.vocabulary;
        let sequence = |s: usize| (0..self.length).map(move |i| token(s * self.length + i) as u32);
        Batch::new((0..self.sequences).map(|s| sequence(s).collect::<Vec<u32>>()))
    }

    fn checkpoint(&self) -> TensorMap {
        let (width, inner) = (self.width, self.inner);
        let mut tensors = TensorMap::new();
        let mut add = |name: String, shape: &[usize]| {
            let len: usize = shape.iter().product();
            // Weights like those of an untrained model; a norm's scale is 1.
            let value = |i: usize| ((i.wrapping_mul(2_654_435_761) >> 9) % 2003) as f32 / 50_000.0 - 0.02;
            let data = if shape.len() == 1 { vec![1.0; len] } else { (0..len).map(value).collect() };
            tensors.insert(name, HostTensor { shape: shape.to_vec(), data });
        };
        add("model.embed_tokens.weight".into(), &[self.vocabulary, width]);
        add("model.norm.weight".into(), &[width]);
        if !self.tied {
            add("lm_head.weight".into(), &[self.vocabulary, width]);
        }
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

    /// Milliseconds and processor milliseconds of a step.
    fn run_peer(&self, python: &str, threads: usize) -> [f64; 2] {
        let sizes = [
            self.layers,
            self.width,
            self.heads,
            self.heads,
            self.inner,
            self.vocabulary,
            usize::from(self.tied),
            self.sequences,
            self.length,
            self.repeats,
            threads,
        ];
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/pytorch_train.py");
        let output = Command::new(python)
            .arg(script)
            .args(sizes.map(|size| size.to_string()))
            .output()
            .expect("PEER_PYTHON names a Python");
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the peer failed: {errors}");
        let mut numbers = text.split_whitespace().map(|ms| ms.parse().expect("the peer prints milliseconds"));
        let processor = numbers.next().expect("the peer prints its processor time first");
        [median(numbers.collect()), processor]
    }
}
