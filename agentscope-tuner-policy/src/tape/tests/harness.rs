//! Numbers to test with, and the comparison of an operation with its plain f64 twin, on any device.

use dfdx::{
    shapes::Rank0,
    tensor::{Gradients, OwnedTape, PutTape},
    tensor_ops::Backward,
};

use crate::{
    device::Buffer,
    params::Param,
    tape::{Kernels, gradient, slot},
    var::Var,
};

pub(super) type Taped<D> = Var<D, OwnedTape<f32, D>>;

/// A device that tests run on.
pub(super) trait TestDevice: Kernels {
    /// The one that all parameters of a test are on.
    fn shared() -> Self;
}

impl TestDevice for dfdx::tensor::Cpu {
    fn shared() -> Self {
        Self::default()
    }
}

#[cfg(feature = "cuda")]
impl TestDevice for dfdx::tensor::Cuda {
    fn shared() -> Self {
        thread_local! {
            static GPU: dfdx::tensor::Cuda = crate::device::cuda(0).unwrap();
        }
        GPU.with(Clone::clone)
    }
}

/// Makes a test of each generic function: on the CPU, and on a GPU for those who have one and ask for it.
macro_rules! on_every_device {
    ($($name:ident),* $(,)?) => {
        mod cpu {
            $(#[test]
            fn $name() {
                super::$name::<dfdx::tensor::Cpu>();
            })*
        }
        #[cfg(feature = "cuda")]
        mod cuda {
            $(#[test]
            #[ignore = "needs an NVIDIA GPU"]
            fn $name() {
                super::$name::<dfdx::tensor::Cuda>();
            })*
        }
    };
}
pub(super) use on_every_device;

/// A device's numbers, on the host.
pub(super) fn host<D: Kernels>(device: &D, buffer: &Buffer<D>) -> Vec<f32> {
    device.download(buffer).unwrap()
}

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
pub(super) fn param<D: TestDevice>(seed: u64, rows: usize, columns: usize) -> Param<D> {
    let device = D::shared();
    let value = device.upload(&numbers(seed, rows * columns)).unwrap();
    Param { pieces: Vec::new(), var: Var::new(&device, value, rows, columns), trainable: true }
}

/// The numbers of a parameter.
pub(super) fn values<D: Kernels>(param: &Param<D>) -> Vec<f32> {
    host(param.var.device(), param.var.value())
}

/// Starts a tape.
pub(super) fn traced<D: Kernels>(param: &Param<D>) -> Taped<D> {
    param.var.clone().put_tape(OwnedTape::default())
}

/// Runs the tape of `y` backward from the given gradient.
pub(super) fn backward<D: Kernels>(y: Taped<D>, dy: &[f32]) -> Gradients<f32, D> {
    let device = y.device().clone();
    let (y, tape) = y.split_tape();
    let mut tape = tape;
    let dy = device.upload(dy).unwrap();
    dfdx::tensor::Tape::add_backward_op(&mut tape, move |grads| slot::give(grads, y.node(), dy));
    let scalar: dfdx::tensor::Tensor<Rank0, f32, D> = device.zeros();
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
pub(super) fn check<D: Kernels>(
    inputs: &[Param<D>],
    plain: impl Fn(&[Vec<f64>]) -> Vec<f64>,
    operation: impl FnOnce(&[Param<D>]) -> Taped<D>,
) {
    let exact_inputs: Vec<Vec<f64>> = inputs.iter().map(|input| wide(&values(input))).collect();
    let y = operation(inputs);
    let exact = plain(&exact_inputs);
    assert_close("value", &host(y.device(), y.value()), &exact, 2e-6);
    let dy = numbers(99, exact.len());
    let mut grads = backward(y, &dy);
    let exact = slopes(&exact_inputs, &dy, plain);
    for (index, (input, exact)) in inputs.iter().zip(&exact).enumerate() {
        let ours = gradient(&mut grads, input).unwrap_or_else(|| panic!("input {index} has no gradient"));
        let ours = host(input.var.device(), ours);
        assert_close(&format!("gradient of input {index}"), &ours, exact, 1e-5);
    }
}
