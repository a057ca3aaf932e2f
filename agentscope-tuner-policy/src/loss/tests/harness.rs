//! Running a loss on the tape, and batches to run it on.

use dfdx::{
    tensor::{AsArray, Cpu, NoneTape, OwnedTape, PutTape, Tensor, TensorFromVec},
    tensor_ops::Backward,
};

use crate::{
    error::Result,
    loss::{PolicySettings, Row, Rows, Statistics, Totals, policy_loss},
    tape::LogProbs,
    testing::numbers,
};

pub(super) type Taped = LogProbs<Cpu, OwnedTape<f32, Cpu>>;

/// A loss with its gradients.
#[derive(Clone, Debug)]
pub(super) struct Outcome<S> {
    pub(super) loss: f64,
    pub(super) dlog_probs: Vec<f32>,
    pub(super) dentropies: Vec<f32>,
    pub(super) statistics: S,
}

/// Runs `loss` on leaves with these values, then its tape from half of it: gradients are given doubled, so that one that
/// ignores what flows into it would be seen.
pub(super) fn run<S>(
    log_probs: &[f32],
    entropies: &[f32],
    loss: impl FnOnce(Taped) -> Result<(Tensor<(), f32, Cpu, OwnedTape<f32, Cpu>>, S)>,
) -> Result<Outcome<S>> {
    let device = Cpu::default();
    let leaf = |values: &[f32]| device.tensor_from_vec(values.to_vec(), (values.len(),));
    let leaves: [Tensor<(usize,), f32, Cpu, NoneTape>; 2] = [leaf(log_probs), leaf(entropies)];
    let outputs = LogProbs {
        log_probs: leaves[0].clone().put_tape(OwnedTape::default()),
        entropies: leaves[1].clone().put_tape(OwnedTape::default()),
    };
    let (loss, statistics) = loss(outputs)?;
    let value = f64::from(loss.array());
    let mut grads = (loss * 0.5).backward();
    let [dlog_probs, dentropies] = leaves.map(|leaf| {
        grads.get_or_alloc_mut(&leaf).unwrap().iter().map(|slope| 2.0 * slope).collect::<Vec<_>>()
    });
    Ok(Outcome { loss: value, dlog_probs, dentropies, statistics })
}

/// A micro-batch with all that a loss can read.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) rows: Rows,
    pub(super) totals: Totals,
    pub(super) log_probs: Vec<f32>,
    pub(super) entropies: Vec<f32>,
}

impl Case {
    /// Rows of the given tokens and advantages, each a rollout of its own; every fifth token is masked.
    pub(super) fn new(lengths: &[usize], advantages: &[f64], seed: u32) -> Self {
        let count = lengths.iter().sum();
        let log_probs: Vec<f32> = numbers(count, seed).iter().map(|x| x - 1.5).collect();
        let near = |salt: u32, width: f32| -> Option<Vec<f32>> {
            Some(numbers(count, salt).iter().zip(&log_probs).map(|(x, lp)| lp + width * x).collect())
        };
        let mask: Vec<bool> = (0..count).map(|token| token % 5 != 2).collect();
        let (old, reference, sampler) = (near(seed + 1, 0.6), near(seed + 2, 0.5), near(seed + 3, 0.9));
        let mut rows = Rows { rows: Vec::new(), mask, old, reference, sampler };
        let mut start = 0;
        for (tokens, advantage) in lengths.iter().zip(advantages) {
            let rollout_tokens = rows.mask[start..start + tokens].iter().filter(|trained| **trained).count();
            let rollout = rows.rows.len();
            rows.rows.push(Row { rollout, tokens: *tokens, advantage: *advantage, rollout_tokens });
            start += tokens;
        }
        let totals = Totals::new(rows.trained(), rows.rows.len());
        let entropies = numbers(count, seed + 4).iter().map(|x| x + 1.0).collect();
        Self { rows, totals, log_probs, entropies }
    }

    pub(super) fn try_run(&self, settings: &PolicySettings) -> Result<Outcome<Statistics>> {
        run(&self.log_probs, &self.entropies, |outputs| {
            policy_loss(outputs, &self.rows, &self.totals, settings)
        })
    }

    pub(super) fn run(&self, settings: &PolicySettings) -> Outcome<Statistics> {
        self.try_run(settings).unwrap()
    }
}

#[track_caller]
pub(super) fn assert_close(what: &str, ours: &[f64], exact: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), exact.len(), "{what}");
    let scale = exact.iter().fold(1e-3_f64, |scale, x| scale.max(x.abs()));
    for (index, (a, b)) in ours.iter().zip(exact).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "{what}[{index}]: {a}, not {b} (scale {scale})");
    }
}

pub(super) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}
