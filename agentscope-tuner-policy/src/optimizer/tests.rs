//! AdamW against its first step in closed form and 100 steps of torch, and what must survive a restart.

use std::{collections::BTreeMap, fs, path::Path};

use dfdx::tensor::{Cpu, Gradients};
use serde::Deserialize;

use super::{AdamW, AdamWSettings, Decay, Schedule, UpdateKernels};
use crate::{
    params::{Param, Piece},
    testing::numbers,
    var::Var,
};

fn param(name: &str, shape: &[usize], values: &[f32]) -> Param<Cpu> {
    param_on(&Cpu::default(), name, shape, values)
}

fn param_on<D: UpdateKernels>(device: &D, name: &str, shape: &[usize], values: &[f32]) -> Param<D> {
    let value = device.upload(values).unwrap();
    let pieces = vec![Piece { name: name.into(), shape: shape.to_vec() }];
    Param { pieces, var: Var::new(device, value, 1, values.len()), trainable: true }
}

fn with_gradients<D: UpdateKernels>(params: &[Param<D>], gradients: &[Vec<f32>]) -> Gradients<f32, D> {
    let mut grads = Gradients::leaky();
    for (param, gradient) in params.iter().zip(gradients) {
        *grads.get_or_alloc_mut(param.var.node()).unwrap() = param.var.device().upload(gradient).unwrap();
    }
    grads
}

fn unbounded() -> AdamWSettings {
    AdamWSettings { max_grad_norm: None, ..AdamWSettings::default() }
}

#[test]
fn the_first_step_is_the_sign_of_the_gradient() {
    let mut params = [param("w", &[2, 2], &[1.0, -2.0, 0.5, 3.0])];
    let mut grads = with_gradients(&params, &[vec![0.3, -4.0, 1e-3, 0.0]]);
    let settings = AdamWSettings { weight_decay: 0.5, ..unbounded() };
    let mut optimizer = AdamW::new(settings).unwrap();
    let report = optimizer.step(&mut params, &mut grads, 0.1).unwrap();
    assert!((report.grad_norm - (0.09_f64 + 16.0 + 1e-6).sqrt()).abs() < 1e-6 && !report.clipped);
    // w (1 − 0.1 · 0.5) − 0.1 g / (|g| + ε)
    for (ours, exact) in params[0].var.value().iter().zip([0.85, -1.8, 0.375, 2.85]) {
        assert!((ours - exact).abs() < 2e-6, "{ours}, not {exact}");
    }
}

#[derive(Deserialize)]
struct Torch {
    norms: Vec<f64>,
    rates: Vec<f64>,
    weights: BTreeMap<u64, Vec<f64>>,
    exp_avg: Vec<f64>,
    exp_avg_sq: Vec<f64>,
}

/// The formulas of `tests/fixtures/adamw.py`.
fn torch_gradient(step: u64, offset: usize, count: usize) -> Vec<f32> {
    let at = |index: usize| (0.7 * (step + 1) as f64 * (index + offset + 1) as f64).sin();
    (0..count).map(|index| (at(index) * (1 + step % 3) as f64) as f32).collect()
}

fn torch_start(offset: usize, count: usize) -> Vec<f32> {
    (0..count).map(|index| (1.3 * (index + offset) as f64).cos() as f32).collect()
}

fn assert_close(what: &str, ours: &[f32], exact: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), exact.len());
    for (ours, exact) in ours.iter().zip(exact) {
        assert!((f64::from(*ours) - exact).abs() < tolerance, "{what}: {ours}, not {exact}");
    }
}

#[test]
fn a_hundred_steps_are_those_of_torch() {
    hundred_steps(&Cpu::default());
}

#[cfg(feature = "cuda")]
#[test]
#[ignore = "needs an NVIDIA GPU"]
fn a_hundred_steps_on_cuda_are_those_of_torch() {
    hundred_steps(&crate::device::cuda(0).unwrap());
}

fn hundred_steps<D: UpdateKernels>(device: &D) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/adamw.json");
    let torch: Torch = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let mut params = [("weight", &[3, 4][..], 0, 12), ("bias", &[5][..], 12, 5)]
        .map(|(name, shape, offset, count)| param_on(device, name, shape, &torch_start(offset, count)));
    let settings = AdamWSettings { weight_decay: 0.1, ..AdamWSettings::default() };
    let mut optimizer = AdamW::new(settings).unwrap();
    let schedule = Schedule {
        learning_rate: 0.02,
        warmup_steps: 10,
        decay: Decay::Cosine,
        total_steps: 100,
        floor: 0.0,
    };
    schedule.check().unwrap();
    for step in 0..100 {
        let gradients = [torch_gradient(step, 0, 12), torch_gradient(step, 12, 5)];
        let mut grads = with_gradients(&params, &gradients);
        let rate = schedule.at(step);
        assert!((rate - torch.rates[step as usize]).abs() < 1e-12);
        let report = optimizer.step(&mut params, &mut grads, rate).unwrap();
        assert!((report.grad_norm - torch.norms[step as usize]).abs() < 1e-5 && report.clipped);
        if let Some(exact) = torch.weights.get(&(step + 1)) {
            let ours = params.each_ref().map(|param| device.download(param.var.value()).unwrap()).concat();
            assert_close(&format!("step {step}"), &ours, exact, 2e-6);
        }
    }
    let state = optimizer.to_tensors().unwrap();
    let moment = |prefix: &str| {
        ["weight", "bias"].map(|name| state[&format!("{prefix}.{name}")].data.clone()).concat()
    };
    assert_close("exp_avg", &moment("exp_avg"), &torch.exp_avg, 1e-6);
    assert_close("exp_avg_sq", &moment("exp_avg_sq"), &torch.exp_avg_sq, 1e-6);
    assert_eq!(state["exp_avg.weight"].shape, [3, 4]);
}

fn two_params() -> [Param<Cpu>; 2] {
    let mut stacked = param("q", &[4, 5], &numbers(32, 1));
    stacked.pieces =
        vec![Piece { name: "q".into(), shape: vec![4, 5] }, Piece { name: "k".into(), shape: vec![4, 3] }];
    [stacked, param("bias", &[40_000], &numbers(40_000, 2))]
}

fn run(params: &mut [Param<Cpu>], optimizer: &mut AdamW<Cpu>, steps: std::ops::Range<u64>) {
    for step in steps {
        let gradients = [numbers(32, 10 + step as u32), numbers(40_000, 99 + step as u32)];
        let mut grads = with_gradients(params, &gradients);
        optimizer.step(&mut *params, &mut grads, 1e-2).unwrap();
    }
}

#[test]
fn a_restart_changes_no_bit() {
    let settings = AdamWSettings { weight_decay: 0.01, ..AdamWSettings::default() };
    let (mut straight, mut optimizer) = (two_params(), AdamW::new(settings).unwrap());
    run(&mut straight, &mut optimizer, 0..6);

    let (mut cut, mut first) = (two_params(), AdamW::new(settings).unwrap());
    run(&mut cut, &mut first, 0..3);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("optimizer.safetensors");
    first.save(&path).unwrap();
    let mut second = AdamW::load(&path, settings, &cut).unwrap();
    assert_eq!(second.steps(), 3);
    assert_eq!(second.to_tensors().unwrap(), first.to_tensors().unwrap());
    run(&mut cut, &mut second, 3..6);
    for (cut, straight) in cut.iter().zip(&straight) {
        assert!(
            cut.var.value().iter().zip(straight.var.value().iter()).all(|(a, b)| a.to_bits() == b.to_bits())
        );
    }
    assert_eq!(second.to_tensors().unwrap(), optimizer.to_tensors().unwrap());
}

#[test]
fn a_state_that_does_not_fit_is_refused() {
    let (mut params, mut optimizer) = (two_params(), AdamW::new(unbounded()).unwrap());
    run(&mut params, &mut optimizer, 0..1);
    let state = optimizer.to_tensors().unwrap();
    let message = |params: &[Param<Cpu>], change: &dyn Fn(&mut crate::TensorMap)| {
        let mut state = state.clone();
        change(&mut state);
        AdamW::from_tensors(unbounded(), params, state).unwrap_err().to_string()
    };
    assert!(message(&params[..1], &|_| ()).contains("`exp_avg.bias`, which belongs to no"));
    assert!(
        message(&params, &|state| drop(state.remove("exp_avg_sq.k"))).contains("no tensor `exp_avg_sq.k`")
    );
    assert!(message(&params, &|state| drop(state.remove("step"))).contains("no tensor `step`"));
    let wrong = |state: &mut crate::TensorMap| state.get_mut("exp_avg.q").unwrap().shape = vec![20];
    assert!(message(&params, &wrong).contains("`exp_avg.q` is [20], but the model makes it [4, 5]"));
}

#[test]
fn a_gradient_that_is_not_finite_changes_nothing() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut params = [param("w", &[2], &[1.0, 2.0])];
        let mut optimizer = AdamW::new(AdamWSettings::default()).unwrap();
        let mut grads = with_gradients(&params, &[vec![1.0, bad]]);
        let report = optimizer.step(&mut params, &mut grads, 0.1).unwrap();
        assert!(report.skipped && !report.grad_norm.is_finite());
        assert_eq!((&params[0].var.value()[..], optimizer.steps()), (&[1.0, 2.0][..], 0));
        assert!(optimizer.to_tensors().unwrap().len() == 1, "no moments");
    }
}

#[test]
fn frozen_parameters_and_those_without_a_gradient_stay() {
    let mut params = [param("a", &[1], &[1.0]), param("b", &[1], &[1.0]), param("c", &[1], &[1.0])];
    params[0].trainable = false;
    let mut grads = with_gradients(&params[..2], &[vec![1.0], vec![0.5]]);
    let report = AdamW::new(unbounded()).unwrap().step(&mut params, &mut grads, 0.1).unwrap();
    assert_eq!(report.grad_norm, 0.5);
    let values = params.map(|param| param.var.value()[0]);
    assert!(values[0] == 1.0 && values[2] == 1.0 && (values[1] - 0.9).abs() < 1e-6, "{values:?}");
}

#[test]
fn parameters_are_updated_where_they_stand() {
    let mut params = [param("w", &[2], &[1.0, 2.0])];
    let before = params[0].var.value().as_ptr();
    let mut optimizer = AdamW::new(AdamWSettings::default()).unwrap();
    for _ in 0..3 {
        let mut grads = with_gradients(&params, &[vec![1.0, -1.0]]);
        optimizer.step(&mut params, &mut grads, 0.1).unwrap();
    }
    assert_eq!(params[0].var.value().as_ptr(), before);
}

#[test]
fn schedules_rise_and_fall() {
    let schedule =
        |decay: Decay| Schedule { learning_rate: 2.0, warmup_steps: 4, decay, total_steps: 12, floor: 0.25 };
    let rates = |decay: Decay| [0, 1, 4, 8, 12, 99].map(|step| schedule(decay).at(step));
    assert_eq!(rates(Decay::Constant), [0.0, 0.5, 2.0, 2.0, 2.0, 2.0]);
    assert_eq!(rates(Decay::Linear), [0.0, 0.5, 2.0, 1.25, 0.5, 0.5]);
    assert_eq!(rates(Decay::Cosine)[..4], [0.0, 0.5, 2.0, 1.25]);
    assert!((schedule(Decay::Cosine).at(12) - 0.5).abs() < 1e-12);
    assert_eq!(Schedule::constant(1e-5).at(0), 1e-5);
    assert_eq!("cosine".parse::<Decay>().unwrap(), Decay::Cosine);
    assert!("step".parse::<Decay>().unwrap_err().to_string().contains("constant, cosine, linear"));
}

#[test]
fn settings_out_of_range_are_listed() {
    let settings =
        AdamWSettings { betas: (1.0, 0.9), epsilon: 0.0, weight_decay: -1.0, max_grad_norm: Some(f64::NAN) };
    let message = settings.check().unwrap_err().to_string();
    for fault in ["betas", "epsilon", "weight_decay", "max_grad_norm"] {
        assert!(message.contains(fault), "{message}");
    }
    let schedule = Schedule { decay: Decay::Linear, ..Schedule::constant(0.0) };
    let message = schedule.check().unwrap_err().to_string();
    assert!(message.contains("learning_rate") && message.contains("total_steps"), "{message}");
    let mut optimizer = AdamW::<Cpu>::new(AdamWSettings::default()).unwrap();
    assert!(optimizer.step(&mut [], &mut Gradients::leaky(), f64::NAN).is_err());
}
