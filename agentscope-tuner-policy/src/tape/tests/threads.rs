//! Results don't depend on the number of threads, on sizes that make many tasks.

use dfdx::{
    prelude::SumTo,
    tensor::{Cpu, OwnedTape},
    tensor_ops::Backward,
};

use super::harness::numbers;
use crate::{
    config::{Architecture, PolicyConfig},
    params::Params,
    tape::{Batch, ForwardSettings, Targets, forward, gradient, log_probs},
};

fn run(threads: usize) -> Vec<Vec<f32>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let config = PolicyConfig {
            vocab_size: 300,
            hidden_size: 64,
            intermediate_size: 160,
            num_heads: 4,
            num_kv_heads: 2,
            head_dim: 16,
            max_position_embeddings: 400,
            ..super::fixture::tiny(Architecture::Qwen3)
        };
        let params = Params::new(&Cpu::default(), &config, super::fixture::checkpoint(&config)).unwrap();
        let ids: Vec<u32> = numbers(5, 600).iter().map(|x| ((x + 1.0) * 149.0) as u32).collect();
        let batch = Batch::new([&ids[..9], &ids[9..20], &ids[20..350], &ids[350..]]);
        let settings = ForwardSettings { recompute: true };
        let hidden = forward(&config, &params, None, &batch, OwnedTape::default(), settings).unwrap();
        let targets = Targets::next_tokens(&batch);
        let out = log_probs(hidden, params.output_projection(), &targets, 1.0, 100_000).unwrap();
        let mut results = vec![out.log_probs.as_vec(), out.entropies.as_vec()];
        let mut grads = (out.log_probs.sum() + out.entropies.sum()).backward();
        results.extend(params.iter().map(|param| gradient(&mut grads, param).unwrap().to_vec()));
        results
    })
}

#[test]
fn one_two_and_three_threads_agree_to_the_bit() {
    let one = run(1);
    assert!(one.iter().flatten().all(|x| x.is_finite()));
    for threads in [2, 3] {
        assert!(one == run(threads), "{threads} threads differ from one");
    }
}
