//! The engine on a card, emulated or, for those who have one, real: against the textbook, and beside the engine on the CPU.

use std::fmt::Debug;

use crate::{
    config::PolicyConfig,
    device::{Cpu, DeviceKind, Precision},
    engine::{
        Completion, Engine, EngineSettings, Request, Sampling,
        sampler::{Limits, Sampler},
        tests::{assert_textbook, complete, engine, prompt, requests, small, wait},
    },
    error::ErrorKind,
    kernels::cuda::{card::Card, ops::decode, tests::Emulated},
    params::Params,
    testing::{self, families, numbers, tiny},
};

fn on(card: Emulated, config: &PolicyConfig, settings: &EngineSettings, half: bool) -> Engine {
    let plan = settings.resolve(config).unwrap();
    Engine::on_card(config.clone(), &testing::params(config, 7), plan, half, move || Ok(card)).unwrap()
}

/// Starts an engine with the parameters of these tests.
type Start = fn(&PolicyConfig, &EngineSettings) -> Engine;

fn emulated(config: &PolicyConfig, settings: &EngineSettings) -> Engine {
    on(Emulated::default(), config, settings, settings.precision == Precision::Bf16)
}

#[cfg(feature = "cuda")]
fn real(config: &PolicyConfig, settings: &EngineSettings) -> Engine {
    engine(config, &EngineSettings { device: DeviceKind::Cuda, ..settings.clone() })
}

macro_rules! on_every_card {
    ($($name:ident),* $(,)?) => {
        mod emulated {
            $(#[test]
            fn $name() {
                super::$name(super::emulated);
            })*
        }
        #[cfg(feature = "cuda")]
        mod cuda {
            $(#[test]
            #[ignore = "needs an NVIDIA GPU"]
            fn $name() {
                super::$name(super::real);
            })*
        }
    };
}

on_every_card! {
    every_family_is_the_textbooks,
    a_card_draws_what_the_cpu_draws,
    an_update_replaces_all_weights,
    halves_cost_only_their_rounding,
}

/// The same tokens, with log-probabilities that differ by rounding.
#[track_caller]
fn assert_same(ours: &[Completion], theirs: &[Completion]) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        let ids =
            |completion: &Completion| completion.tokens.iter().map(|token| token.id).collect::<Vec<_>>();
        assert_eq!(ids(ours), ids(theirs));
        for (ours, theirs) in ours.tokens.iter().zip(&theirs.tokens) {
            assert!((ours.log_prob - theirs.log_prob).abs() < 1e-4, "{} {}", ours.log_prob, theirs.log_prob);
            assert_eq!(ours.top.len(), theirs.top.len());
        }
    }
}

fn every_family_is_the_textbooks(start: Start) {
    for config in families() {
        assert_textbook(&start(&config, &small()), &config, 17, 1e-4);
    }
}

fn a_card_draws_what_the_cpu_draws(start: Start) {
    let config = tiny();
    let settings = EngineSettings { max_sequences: 5, max_rows: 20, ..small() };
    let mut all: Vec<Request> = requests().into_iter().take(7).collect();
    all.iter_mut().for_each(|request| request.max_tokens = 9);
    // Chosen by the host, among those that the card chooses.
    all[1].sampling.top_k = Some(5);
    all[3].top_log_probs = 2;
    all[4].sampling.repetition_penalty = 1.3;
    let (ours, theirs) = (start(&config, &settings), engine(&config, &settings));
    for _ in 0..2 {
        // The second time from what the caches hold.
        let again = || all.iter().map(|request| Request { guide: None, ..copy(request) }).collect();
        assert_same(&complete(&ours, again()), &complete(&theirs, again()));
    }
    // Steps depend on who arrived when.
    let [ours, theirs] = [ours, theirs].map(|engine| wait(engine.counters()).unwrap());
    assert_eq!(ours.sampled, theirs.sampled);
    assert!(ours.reused > 0, "what the cache holds was computed again");
}

fn copy(request: &Request) -> Request {
    let Request { prompt, max_tokens, sampling, .. } = request;
    let copy = Request { sampling: sampling.clone(), ..Request::new(prompt.clone(), *max_tokens) };
    Request { top_log_probs: request.top_log_probs, ..copy }
}

fn an_update_replaces_all_weights(start: Start) {
    let config = tiny();
    let (ours, theirs) = (start(&config, &small()), engine(&config, &small()));
    let other: Params<Cpu> = testing::params(&config, 1000);
    for engine in [&ours, &theirs] {
        complete(engine, vec![Request::new(prompt(20, 1), 3)]);
        assert_eq!(wait(engine.update(&other)).unwrap(), 1);
    }
    let ask = || vec![Request::new(prompt(20, 1), 6)];
    assert_same(&complete(&ours, ask()), &complete(&theirs, ask()));
}

fn halves_cost_only_their_rounding(start: Start) {
    let config = PolicyConfig { qkv_bias: true, ..tiny() };
    let halves = EngineSettings { device: DeviceKind::Cuda, precision: Precision::Bf16, ..small() };
    let (engine, exact) = (start(&config, &halves), start(&config, &small()));
    assert_textbook(&engine, &config, 5, 0.2);
    let ask = || vec![Request::new(prompt(5, 3), 1)];
    let [half, whole] = [&engine, &exact].map(|engine| complete(engine, ask()).remove(0).tokens[0].log_prob);
    assert_ne!(half.to_bits(), whole.to_bits(), "nothing was rounded");
}

#[test]
fn a_refusal_of_the_card_ends_what_is_under_way() {
    let card = Emulated::refusing("decode_attention");
    let engine = on(card, &tiny(), &small(), false);
    let tickets = [1, 2].map(|salt| engine.submit(Request::new(prompt(4, salt), 3)).unwrap());
    for ticket in tickets {
        let error = wait(ticket.completion()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Device);
        assert!(error.to_string().contains("decode_attention is refused"), "{error}");
    }
    let card = Emulated::refusing("to_bf16");
    let (config, plan) = (tiny(), small().resolve(&tiny()).unwrap());
    let started = Engine::on_card(config.clone(), &testing::params(&config, 7), plan, true, move || Ok(card));
    assert!(started.unwrap_err().to_string().contains("to_bf16 is refused"));
}

/// Tokens and log-probabilities that the card draws.
fn drawn<C: Card<Error: Debug>>(
    card: &C,
    logits: &[f32],
    vocabulary: usize,
    draws: &[(f32, f64)],
) -> Vec<(u32, f32)> {
    let words: Vec<u32> = draws.iter().flat_map(|(t, uniform)| decode::drawing(*t, *uniform)).collect();
    let mut out = card.floats(2 * draws.len()).unwrap();
    decode::draw(card, (&card.upload(logits).unwrap(), vocabulary), &words, &mut out).unwrap();
    card.download(&out).unwrap().chunks(2).map(|pair| (pair[0].to_bits(), pair[1])).collect()
}

#[test]
fn draws_are_those_of_the_sampler() {
    draws_on(&Emulated::default());
}

#[cfg(feature = "cuda")]
#[test]
#[ignore = "needs an NVIDIA GPU"]
fn draws_on_cuda_are_those_of_the_sampler() {
    draws_on(&crate::device::cuda(0).unwrap());
}

fn draws_on<C: Card<Error: Debug>>(card: &C) {
    for vocabulary in [1, 67, 1023, 1025, 3000] {
        let draws = [(1.0, 0.0), (1.0, 0.3), (0.7, 0.62), (2.5, 0.999_999), (0.0, 0.5)];
        let logits: Vec<f32> =
            numbers(vocabulary * draws.len(), vocabulary as u32).iter().map(|x| 6.0 * x).collect();
        let rows = drawn(card, &logits, vocabulary, &draws);
        for ((logits, (temperature, uniform)), (token, log_prob)) in
            logits.chunks(vocabulary).zip(draws).zip(rows)
        {
            let sampling = Sampling { temperature, ..Sampling::default() };
            let mut sampler = Sampler::new(vocabulary);
            let exact =
                sampler.sample(logits, &sampling, Limits::default(), uniform, &mut Vec::new(), 0).unwrap();
            assert_eq!(token, exact.token, "{vocabulary} {temperature} {uniform}");
            assert!((log_prob - exact.log_prob).abs() < 1e-5, "{log_prob}, not {}", exact.log_prob);
        }
    }
}

#[test]
fn draws_of_equals_and_of_nonsense() {
    let card = Emulated::default();
    // Of equally likely tokens each has its share of the interval, and the first is the most likely.
    let logits = vec![0.5; 4 * 10];
    let tokens = drawn(&card, &logits, 10, &[(1.0, 0.05), (1.0, 0.55), (1.0, 0.95), (0.0, 0.95)]);
    assert_eq!(tokens.iter().map(|(token, _)| *token).collect::<Vec<_>>(), [0, 5, 9, 0]);
    let mut logits = vec![1.0; 2 * 10];
    logits[3] = f32::NAN;
    logits[14] = f32::INFINITY;
    for (token, log_prob) in drawn(&card, &logits, 10, &[(1.0, 0.9), (0.0, 0.9)]) {
        assert!(token < 10 && !log_prob.is_finite(), "{token} {log_prob}");
    }
}
