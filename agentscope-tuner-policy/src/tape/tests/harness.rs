//! Numbers to test with, and the comparison of an operation with its plain f64 twin.

use dfdx::{
    shapes::Rank0,
    tensor::{Cpu, Gradients, OwnedTape, PutTape, ZerosTensor},
    tensor_ops::Backward,
};

use crate::{
    device::Device,
    params::Param,
    tape::{gradient, slot},
    var::Var,
};

pub(super) type Taped = Var<Cpu, OwnedTape<f32, Cpu>>;

/// Numbers in [-1, 1) that look random: SplitMix64 of the seed and the index.
pub(super) fn numbers(seed: u64, len: usize) -> Vec<f32> {
    (0..len as u64)
        .map(|index| {
            let mut z = (seed << 32 | index).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

pub(super) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// A trainable matrix of such numbers.
pub(super) fn param(seed: u64, rows: usize, columns: usize) -> Param<Cpu> {
    let device = Cpu::default();
    let value = device.upload(&numbers(seed, rows * columns)).unwrap();
    Param { pieces: Vec::new(), var: Var::new(&device, value, rows, columns), trainable: true }
}

/// Starts a tape.
pub(super) fn traced(param: &Param<Cpu>) -> Taped {
    param.var.clone().put_tape(OwnedTape::default())
}

/// Runs the tape of `y` backward from the given gradient.
pub(super) fn backward(y: Taped, dy: &[f32]) -> Gradients<f32, Cpu> {
    let device = y.device().clone();
    let (y, tape) = y.split_tape();
    let mut tape = tape;
    let dy = device.upload(dy).unwrap();
    dfdx::tensor::Tape::add_backward_op(&mut tape, move |grads| slot::give(grads, y.node(), dy));
    let scalar: dfdx::tensor::Tensor<Rank0, f32, Cpu> = device.zeros();
    scalar.put_tape(tape).backward()
}

/// Each number of `ours` within `tolerance` of `exact`, relative to the largest of them.
#[track_caller]
pub(super) fn assert_close(what: &str, ours: &[f32], exact: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), exact.len(), "{what}");
    let scale = exact.iter().fold(1e-3_f64, |scale, x| scale.max(x.abs()));
    for (index, (ours, exact)) in ours.iter().zip(exact).enumerate() {
        let difference = (f64::from(*ours) - exact).abs();
        assert!(difference <= tolerance * scale, "{what}[{index}]: {ours}, not {exact} (scale {scale})");
    }
}

/// Slopes of Σ weight · f(x) for every number of every input, by central differences.
pub(super) fn slopes(
    inputs: &[Vec<f64>],
    weights: &[f32],
    f: impl Fn(&[Vec<f64>]) -> Vec<f64>,
) -> Vec<Vec<f64>> {
    const STEP: f64 = 1e-5;
    let mut inputs = inputs.to_vec();
    let value = |inputs: &[Vec<f64>]| -> f64 {
        f(inputs).iter().zip(weights).map(|(y, weight)| y * f64::from(*weight)).sum()
    };
    let sizes: Vec<usize> = inputs.iter().map(Vec::len).collect();
    let slope = |inputs: &mut Vec<Vec<f64>>, which: usize, index: usize| {
        let kept = inputs[which][index];
        inputs[which][index] = kept + STEP;
        let up = value(inputs);
        inputs[which][index] = kept - STEP;
        let down = value(inputs);
        inputs[which][index] = kept;
        (up - down) / (2.0 * STEP)
    };
    (0..sizes.len()).map(|w| (0..sizes[w]).map(|i| slope(&mut inputs, w, i)).collect()).collect()
}

/// Compares an operation with its plain twin: values, and the gradients of all inputs.
pub(super) fn check(
    inputs: &[Param<Cpu>],
    plain: impl Fn(&[Vec<f64>]) -> Vec<f64>,
    operation: impl FnOnce(&[Param<Cpu>]) -> Taped,
) {
    let exact_inputs: Vec<Vec<f64>> = inputs.iter().map(|input| wide(input.var.value())).collect();
    let y = operation(inputs);
    let exact = plain(&exact_inputs);
    assert_close("value", y.value(), &exact, 2e-6);
    let dy = numbers(99, exact.len());
    let mut grads = backward(y, &dy);
    let exact = slopes(&exact_inputs, &dy, plain);
    for (index, (input, exact)) in inputs.iter().zip(&exact).enumerate() {
        let ours = gradient(&mut grads, input).unwrap_or_else(|| panic!("input {index} has no gradient"));
        assert_close(&format!("gradient of input {index}"), ours, exact, 1e-5);
    }
}
