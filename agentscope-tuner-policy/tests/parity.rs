//! The forward pass, its gradients and the decode engine against transformers on PyTorch, one checkpoint a family.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use agentscope_tuner_policy::{
    Params, PolicyConfig,
    checkpoint::Checkpoint,
    device::DeviceKind,
    engine::{Completion, Engine, EngineSettings, Request, Sampling},
    tape::{Batch, ForwardSettings, Kernels, LogProbs, Targets, forward, gradient, log_probs, logits},
};
use common::{Expected, MODELS, model};
use dfdx::{
    prelude::{Backward, MeanTo},
    tensor::{Cpu, NoneTape, OwnedTape, Tape},
};

/// Logits may be kept whole.
const PLENTY: usize = 1 << 30;

fn load<D: Kernels>(device: &D, name: &str) -> (PolicyConfig, Params<D>, Expected) {
    let checkpoint = Checkpoint::open(model(name)).unwrap();
    let params = Params::new(device, checkpoint.config(), checkpoint.tensors().unwrap()).unwrap();
    (checkpoint.config().clone(), params, Expected::of(name))
}

/// The id of the padding token.
fn pad(name: &str) -> Option<usize> {
    let checkpoint = Checkpoint::open(model(name)).unwrap();
    checkpoint.config_json().get("pad_token_id")?.as_u64().map(|id| id as usize)
}

#[track_caller]
fn assert_close(what: &str, ours: &[f32], theirs: &[f32], tolerance: f32) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!((ours - theirs).abs() < tolerance, "{what}[{index}]: {ours}, not {theirs}");
    }
}

fn tape_log_probs<D: Kernels, T: Tape<f32, D>>(
    (config, params): (&PolicyConfig, &Params<D>),
    batch: &Batch,
    temperature: f32,
    (tape, settings): (T, ForwardSettings),
) -> LogProbs<D, T> {
    let hidden = forward(config, params, None, batch, tape, settings).unwrap();
    log_probs(hidden, params.output_projection(), &Targets::next_tokens(batch), temperature, PLENTY).unwrap()
}

/// A device for the tape, and one for the engine.
macro_rules! on_every_device {
    ($($name:ident),* $(,)?) => {
        mod cpu {
            $(#[test]
            fn $name() {
                super::$name(&dfdx::tensor::Cpu::default(), super::DeviceKind::Cpu);
            })*
        }
        #[cfg(feature = "cuda")]
        mod cuda {
            $(#[test]
            #[ignore = "needs an NVIDIA GPU"]
            fn $name() {
                super::$name(&agentscope_tuner_policy::device::cuda(0).unwrap(), super::DeviceKind::Cuda);
            })*
        }
    };
}

on_every_device! {
    logits_of_a_packed_batch,
    log_probabilities_at_two_temperatures,
    gradients_of_the_mean_token_loss,
    greedy_continuations_of_the_engine,
    the_engine_reports_what_the_tape_computes,
}

fn logits_of_a_packed_batch<D: Kernels>(device: &D, _: DeviceKind) {
    for name in MODELS {
        let (config, params, expected) = load(device, name);
        let batch = Batch::new(&expected.rows);
        let hidden = forward(&config, &params, None, &batch, NoneTape, ForwardSettings::default()).unwrap();
        let all = logits(hidden, params.output_projection()).unwrap();
        let all = device.download(all.value()).unwrap();
        for (row, ends) in batch.offsets().windows(2).enumerate() {
            let ours = &all[ends[0] * config.vocab_size..ends[1] * config.vocab_size];
            let key = format!("logits.{row}");
            assert_close(&format!("{name} {key}"), ours, &expected.values[&key], 1e-4);
        }
    }
}

fn log_probabilities_at_two_temperatures<D: Kernels>(device: &D, _: DeviceKind) {
    for name in MODELS {
        let (config, params, expected) = load(device, name);
        for temperature in [1.0, 0.7] {
            for (row, ids) in expected.rows.iter().enumerate() {
                let settings = (NoneTape, ForwardSettings::default());
                let ours = tape_log_probs((&config, &params), &Batch::new([ids]), temperature, settings);
                let key = format!("logprobs.{temperature}.{row}");
                assert_close(
                    &format!("{name} {key}"),
                    &ours.log_probs.as_vec(),
                    &expected.values[&key],
                    1e-4,
                );
            }
        }
    }
}

fn gradients_of_the_mean_token_loss<D: Kernels>(device: &D, _: DeviceKind) {
    for name in MODELS {
        let (config, params, expected) = load(device, name);
        let batch = Batch::new(&expected.rows);
        for recompute in [false, true] {
            let tape = (OwnedTape::default(), ForwardSettings { recompute });
            let loss = -tape_log_probs((&config, &params), &batch, 1.0, tape).log_probs.mean();
            assert_close(&format!("{name} loss"), &loss.as_vec(), &expected.values["loss"], 1e-5);
            let mut grads = loss.backward();
            for param in params.iter() {
                let mut ours = device.download(gradient(&mut grads, param).unwrap()).unwrap();
                if let (Some(pad), "model.embed_tokens.weight", false) =
                    (pad(name), &*param.pieces[0].name, config.tie_word_embeddings)
                {
                    // PyTorch's embedding gives the padding token no gradient; nothing is padded here.
                    ours[pad * config.hidden_size..][..config.hidden_size].fill(0.0);
                }
                let mut rest = &ours[..];
                for piece in &param.pieces {
                    let theirs = &expected.values[&format!("grad.{}", piece.name)];
                    let (ours, after) = rest.split_at(theirs.len());
                    rest = after;
                    let largest = theirs.iter().fold(0.0_f32, |largest, g| largest.max(g.abs()));
                    assert_close(&format!("{name} grad.{}", piece.name), ours, theirs, 1e-3 * largest);
                }
            }
        }
    }
}

fn complete(engine: &Engine, requests: Vec<Request>) -> Vec<Completion> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let tickets: Vec<_> = requests.into_iter().map(|request| engine.submit(request).unwrap()).collect();
    tickets.into_iter().map(|ticket| runtime.block_on(ticket.completion()).unwrap()).collect()
}

fn greedy_continuations_of_the_engine<D: Kernels>(_: &D, kind: DeviceKind) {
    for name in MODELS {
        let (config, params, expected) = load(&Cpu::default(), name);
        let engine = Engine::new(&config, &params, &EngineSettings::on(kind)).unwrap();
        let sampling = Sampling { temperature: 0.0, ..Sampling::default() };
        let request = |(row, greedy): (&Vec<u32>, &Vec<u32>)| Request {
            sampling: sampling.clone(),
            ..Request::new(row.clone(), greedy.len())
        };
        let requests = expected.rows.iter().zip(&expected.greedy).map(request).collect();
        for (completion, greedy) in complete(&engine, requests).iter().zip(&expected.greedy) {
            let ids: Vec<u32> = completion.tokens.iter().map(|token| token.id).collect();
            assert_eq!(&ids, greedy, "{name}");
        }
    }
}

fn the_engine_reports_what_the_tape_computes<D: Kernels>(device: &D, kind: DeviceKind) {
    for name in MODELS {
        let (config, params, expected) = load(&Cpu::default(), name);
        let (_, on_device, _) = load(device, name);
        let engine = Engine::new(&config, &params, &EngineSettings::on(kind)).unwrap();
        for temperature in [1.0, 0.7] {
            let request = |(seed, row): (u64, &Vec<u32>)| Request {
                sampling: Sampling { temperature, seed, ..Sampling::default() },
                ..Request::new(row.clone(), 40)
            };
            let requests = (0..).zip(&expected.rows).map(request).collect();
            for (completion, row) in complete(&engine, requests).iter().zip(&expected.rows) {
                let sampled: Vec<f32> = completion.tokens.iter().map(|token| token.log_prob).collect();
                let ids: Vec<u32> =
                    row.iter().copied().chain(completion.tokens.iter().map(|t| t.id)).collect();
                let settings = (NoneTape, ForwardSettings::default());
                let taped = tape_log_probs((&config, &on_device), &Batch::new([ids]), temperature, settings);
                let taped = &taped.log_probs.as_vec()[row.len() - 1..];
                assert_close(&format!("{name} at {temperature}"), &sampled, taped, 1e-4);
            }
        }
    }
}
