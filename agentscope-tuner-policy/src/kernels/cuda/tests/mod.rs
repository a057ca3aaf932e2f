//! The kernels' sources, compiled for the host, against plain f64. Every launch runs in two orders of threads and
//! blocks, which must agree to the bit: a barrier that is missing, or a sum whose order is left to chance, shows.

#![expect(unsafe_code, reason = "a card's launches are unsafe")]

mod attention;
mod decode;
mod memory;
mod product;
mod rows;

use std::cell::RefCell;

use cuda_emulator::Order;

use super::card::{Argument, Card, Gemm, Launch, Operand};
use crate::{
    device::Precision,
    error::{Error, ErrorKind},
};

/// The host as a card.
#[derive(Debug, Default)]
pub(crate) struct Emulated {
    precision: Precision,
    /// Names of the kernels launched, and of BLAS.
    log: RefCell<Vec<&'static str>>,
    /// The kernel that is refused.
    refuses: Option<&'static str>,
}

impl Emulated {
    /// A card that refuses to start a kernel.
    pub(crate) fn refusing(kernel: &'static str) -> Self {
        Self { refuses: Some(kernel), ..Self::default() }
    }
}

impl From<String> for Error {
    fn from(refusal: String) -> Self {
        Self::new(ErrorKind::Device, refusal)
    }
}

impl Card for Emulated {
    type Floats = Vec<f32>;
    type Words = Vec<u32>;
    type Error = String;

    fn len(&self, floats: &Vec<f32>) -> usize {
        floats.len()
    }

    /// Not numbers, so that one that a kernel forgets to write is seen.
    fn floats(&self, len: usize) -> Result<Vec<f32>, String> {
        Ok(vec![f32::NAN; len])
    }

    fn download(&self, values: &Vec<f32>) -> Result<Vec<f32>, String> {
        Ok(values.clone())
    }

    fn upload(&self, values: &[f32]) -> Result<Vec<f32>, String> {
        Ok(values.to_vec())
    }

    fn read(&self, values: &Vec<f32>, start: usize, into: &mut [f32]) -> Result<(), String> {
        into.copy_from_slice(&values[start..start + into.len()]);
        Ok(())
    }

    fn words(&self, words: &[u32]) -> Result<Vec<u32>, String> {
        Ok(words.to_vec())
    }

    unsafe fn launch(&self, launch: Launch, arguments: &mut [Argument<'_, Self>]) -> Result<(), String> {
        self.log.borrow_mut().push(launch.kernel);
        if self.refuses == Some(launch.kernel) {
            return Err(format!("{} is refused", launch.kernel));
        }
        let [first, second] =
            [Order::Ascending, Order::Descending].map(|order| run(launch, arguments, order));
        let (first, second) = (first?, second?);
        let bits = |buffers: &[Vec<f32>]| -> Vec<Vec<u32>> {
            buffers.iter().map(|buffer| buffer.iter().map(|x| x.to_bits()).collect()).collect()
        };
        if bits(&first) != bits(&second) {
            return Err(format!("{}: the result depends on the order of threads", launch.kernel));
        }
        let written = arguments.iter_mut().filter_map(|argument| match argument {
            Argument::Write(buffer) => Some(buffer),
            _ => None,
        });
        written.zip(first).for_each(|(buffer, result)| **buffer = result);
        Ok(())
    }

    unsafe fn multiply(
        &self,
        gemm: &Gemm,
        left: &Vec<f32>,
        right: &Vec<f32>,
        out: &mut Vec<f32>,
    ) -> Result<(), String> {
        self.log.borrow_mut().push("blas");
        blas(gemm, left, right, out)
    }

    fn precision(&self, _: &Vec<f32>) -> Result<Precision, String> {
        Ok(self.precision)
    }

    fn misfit(&self) -> String {
        "sizes do not fit".into()
    }
}

/// Runs a kernel on copies of what it writes, and gives them.
fn run(launch: Launch, arguments: &[Argument<'_, Emulated>], order: Order) -> Result<Vec<Vec<f32>>, String> {
    let copy = |argument: &Argument<'_, Emulated>| match argument {
        Argument::Write(buffer) => Some((*buffer).clone()),
        _ => None,
    };
    let mut written: Vec<Vec<f32>> = arguments.iter().filter_map(copy).collect();
    let mut copies = written.iter_mut();
    let mut emulated: Vec<_> = arguments
        .iter()
        .map(|argument| match argument {
            Argument::Read(buffer) => cuda_emulator::Argument::Read(buffer),
            Argument::Write(_) => cuda_emulator::Argument::Write(copies.next().unwrap()),
            Argument::Words(words) => cuda_emulator::Argument::Words(words),
            Argument::Null => cuda_emulator::Argument::Null,
            Argument::Count(value) => cuda_emulator::Argument::Count(*value),
            Argument::Length(value) => cuda_emulator::Argument::Length(*value),
            Argument::Real(value) => cuda_emulator::Argument::Real(*value),
        })
        .collect();
    let Launch { kernel, grid, threads, shared_bytes } = launch;
    cuda_emulator::launch(kernel, grid, threads, shared_bytes, &mut emulated, order)?;
    Ok(written)
}

/// GEMM as BLAS defines it, with the checks that cuBLAS makes of its arguments.
fn blas(gemm: &Gemm, left: &[f32], right: &[f32], out: &mut [f32]) -> Result<(), String> {
    let [m, n, k] = [gemm.m, gemm.n, gemm.k].map(|size| usize::try_from(size).unwrap());
    let check = |operand: Operand, rows: usize, columns: usize| {
        let tall = if operand.transposed { columns } else { rows };
        let fits = operand.leading as usize >= tall.max(1);
        fits.then_some(()).ok_or_else(|| format!("a leading dimension of {operand:?} is below {tall}"))
    };
    check(gemm.left, m, k)?;
    check(gemm.right, k, n)?;
    check(gemm.out, m, n)?;
    let at = |operand: Operand, row: usize, column: usize| {
        let (down, across) = if operand.transposed { (column, row) } else { (row, column) };
        operand.offset + across * operand.leading as usize + down
    };
    let read = |values: &[f32], index: usize| match gemm.half {
        false => values[index],
        // Little-endian: the even one is the low half.
        true => f32::from_bits(values[index / 2].to_bits() >> (16 * (index % 2)) << 16),
    };
    for column in 0..n {
        for row in 0..m {
            let terms = (0..k).map(|l| {
                f64::from(read(left, at(gemm.left, row, l)))
                    * f64::from(read(right, at(gemm.right, l, column)))
            });
            let product = gemm.alpha * terms.sum::<f64>() as f32;
            let place = &mut out[at(gemm.out, row, column)];
            *place = if gemm.beta == 0.0 { product } else { gemm.beta * *place + product };
        }
    }
    Ok(())
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// Each number of `ours` within `tolerance` of `exact`, relative to the largest of them.
#[track_caller]
fn assert_close(what: &str, ours: &[f32], exact: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), exact.len(), "{what}");
    let scale = exact.iter().fold(1e-3_f64, |scale, x| scale.max(x.abs()));
    for (index, (ours, exact)) in ours.iter().zip(exact).enumerate() {
        let difference = (f64::from(*ours) - exact).abs();
        assert!(difference <= tolerance * scale, "{what}[{index}]: {ours}, not {exact} (scale {scale})");
    }
}

/// Slopes of Σ dy · f(x) for every number of one input, by central differences.
fn slopes(x: &[f64], dy: &[f32], f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let value = |x: &[f64]| f(x).iter().zip(dy).map(|(y, dy)| y * f64::from(*dy)).sum::<f64>();
    let at = |index: usize, step: f64| {
        let mut moved = x.to_vec();
        moved[index] += step;
        value(&moved)
    };
    (0..x.len()).map(|i| (at(i, STEP) - at(i, -STEP)) / (2.0 * STEP)).collect()
}

#[test]
fn faults_of_a_launch_are_seen() {
    let card = Emulated::default();
    let launch = Launch::elements("add", 4);
    let said = |launch: Launch, arguments: &mut [Argument<'_, Emulated>]| {
        // SAFETY: the emulator checks names, kinds and, by guards, bounds.
        unsafe { card.launch(launch, arguments) }.unwrap_err()
    };
    let (mut into, values) = (vec![0.0; 4], vec![1.0; 4]);
    let unknown = Launch { kernel: "subtract", ..launch };
    assert!(said(unknown, &mut []).contains("no such kernel"));
    let mut swapped = [Argument::Write(&mut into), Argument::Length(4), Argument::Read(&values)];
    assert!(said(launch, &mut swapped).contains("its parameters are not"));
    let mut too_long = [Argument::Write(&mut into), Argument::Read(&values), Argument::Length(5)];
    assert!(said(launch, &mut too_long).contains("beyond a buffer"));
    let constant = vec![0.0; 4];
    let mut read_only = [Argument::Read(&constant), Argument::Read(&values), Argument::Length(4)];
    assert!(said(launch, &mut read_only).contains("may only read"));
    let half_a_warp = Launch { threads: 16, ..launch };
    assert!(said(half_a_warp, &mut []).contains("whole warps"));
    // Two blocks that add to one row, where the order of additions shows.
    let (mut table, words) = (vec![1e8], [vec![0, 0], vec![0, 1, 2], vec![0, 1]]);
    let values = vec![1.0, -1e8];
    let race = Launch { kernel: "scatter_add", grid: [2, 1, 1], threads: 32, shared_bytes: 0 };
    let mut arguments = vec![Argument::Write(&mut table)];
    arguments.extend(words.iter().map(Argument::Words));
    arguments.extend([Argument::Read(&values), Argument::Count(1)]);
    assert!(said(race, &mut arguments).contains("depends on the order"));
}
