//! Forward and backward of the mean token loss, on `THREADS` threads (2 unless it is set), of the shape with number
//! `SHAPE` (all unless it is set), or on a GPU (`DEVICE=cuda`, and `PRECISION=bf16` where wanted): median milliseconds, and the processor time of a step, which other programs on the
//! machine disturb less. Processor time counts waiting threads that spin, so compare it on one thread.
//!
//! With `PEER_PYTHON` naming a Python that has torch and transformers, each round also runs `peers/pytorch_train.py` on
//! the same shape, so that both meet the same load; the ratio is the median of the rounds' ratios.
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::time::Instant;

use agentscope_tuner_policy::{
    Params, PolicyConfig,
    device::{DeviceKind, Precision},
    tape::{Batch, ForwardSettings, Kernels, Targets, forward, log_probs},
};
use dfdx::{
    prelude::MeanTo,
    tensor::{Cpu, OwnedTape, Synchronize},
    tensor_ops::Backward,
};
use support::{Shape, device, median, peer, precision, wanted};

const ROUNDS: usize = 3;

/// Sequences, their length, and steps of a round, by shape.
const WORK: [[usize; 3]; 5] = [[256, 9, 20], [16, 128, 10], [8, 128, 5], [4, 128, 2], [16, 1024, 3]];

fn main() {
    let threads = std::env::var("THREADS").ok().and_then(|threads| threads.parse().ok()).unwrap_or(2);
    let recompute = std::env::var_os("RECOMPUTE").is_some();
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("no pool exists yet");
    println!("{threads} threads; ms a step, processor ms a step; PyTorch's; median ratio of each");
    for (index, shape) in wanted() {
        match device() {
            DeviceKind::Cpu => compare(&Cpu::default(), &shape, WORK[index], recompute, threads),
            DeviceKind::Cuda => on_gpu(precision(), &shape, WORK[index], recompute, threads),
        }
    }
}

#[cfg(feature = "cuda")]
fn on_gpu(precision: Precision, shape: &Shape, work: [usize; 3], recompute: bool, threads: usize) {
    use agentscope_tuner_policy::device::{cuda, set_precision};
    let gpu = cuda(0).expect("DEVICE is cuda");
    set_precision(&gpu, precision).expect("the kernels are compiled");
    compare(&gpu, shape, work, recompute, threads);
}

#[cfg(not(feature = "cuda"))]
fn on_gpu(_: Precision, _: &Shape, _: [usize; 3], _: bool, _: usize) {
    panic!("{}", agentscope_tuner_policy::device::WITHOUT_GPUS);
}

fn compare<D: Kernels + Synchronize>(
    device: &D,
    shape: &Shape,
    [sequences, length, repeats]: [usize; 3],
    recompute: bool,
    threads: usize,
) {
    let config = shape.config(length);
    let params = Params::new(device, &config, shape.checkpoint()).expect("names and shapes fit");
    let batch = batch(shape.vocabulary, sequences, length);
    let mut rounds = Vec::new();
    step(&config, &params, &batch, recompute);
    for _ in 0..ROUNDS {
        let spent = processor_ms();
        let times: Vec<f64> = (0..repeats).map(|_| step(&config, &params, &batch, recompute)).collect();
        let ours = [median(&times), (processor_ms() - spent) / repeats as f64];
        let arguments = [shape.arguments(), vec![sequences, length, repeats, threads]].concat();
        let theirs = peer("pytorch_train.py", &arguments).map(|times| [median(&times[1..]), times[0]]);
        rounds.push((ours, theirs));
    }
    print!("{:.2} M | {} tokens", shape.millions(), batch.ids().len());
    let column = |of: fn(&[f64; 2], &[f64; 2]) -> f64| {
        let known = rounds.iter().map(|(ours, theirs)| of(ours, &theirs.unwrap_or([f64::NAN; 2])));
        median(&known.collect::<Vec<_>>())
    };
    print!(" | {:.1} {:.1}", column(|ours, _| ours[0]), column(|ours, _| ours[1]));
    if rounds[0].1.is_none() {
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
fn step<D: Kernels + Synchronize>(
    config: &PolicyConfig,
    params: &Params<D>,
    batch: &Batch,
    recompute: bool,
) -> f64 {
    let start = Instant::now();
    let settings = ForwardSettings { recompute };
    let hidden = forward(config, params, None, batch, OwnedTape::default(), settings).expect("a valid batch");
    let targets = Targets::next_tokens(batch);
    let out = log_probs(hidden, params.output_projection(), &targets, 1.0, 1 << 28).expect("valid targets");
    let grads = (-out.log_probs.mean()).backward();
    params.norm.var.device().synchronize();
    let elapsed = start.elapsed().as_secs_f64() * 1e3;
    drop(grads);
    elapsed
}

fn batch(vocabulary: usize, sequences: usize, length: usize) -> Batch {
    let token = |i: usize| (i.wrapping_mul(2_654_435_761) >> 7) % vocabulary;
    let sequence = |s: usize| (0..length).map(move |i| token(s * length + i) as u32);
    Batch::new((0..sequences).map(|s| sequence(s).collect::<Vec<u32>>()))
}
