//! Supervised and preference losses against their closed forms.

use super::harness::{Outcome, assert_close, run, wide};
use crate::{
    error::Result,
    loss::{DpoSettings, DpoStatistics, Pair, dpo_loss, sft_loss},
    testing::numbers,
};

const MASK: [bool; 6] = [true, false, true, true, true, false];

#[test]
fn supervised_is_the_mean_over_marked_tokens() {
    let (log_probs, entropies) = ([-0.5, -9.0, -1.5, -0.25, -0.75, -9.0], [1.0_f32; 6]);
    let outcome = run(&log_probs, &entropies, |outputs| sft_loss(outputs, &MASK, 4)).unwrap();
    assert_eq!(outcome.loss, 0.75);
    assert_eq!(outcome.dlog_probs, [-0.25, 0.0, -0.25, -0.25, -0.25, 0.0]);
    assert_eq!(outcome.dentropies, [0.0; 6]);
    assert_eq!((outcome.statistics.trained_tokens, outcome.statistics.entropy), (4, 1.0));
    // Half of a batch of eight.
    let half = run(&log_probs, &entropies, |outputs| sft_loss(outputs, &MASK, 8)).unwrap();
    assert_eq!(half.loss, 0.375);
    let message = |mask: &[bool], total: usize| {
        run(&log_probs, &entropies, |outputs| sft_loss(outputs, mask, total)).unwrap_err().to_string()
    };
    assert!(message(&MASK[1..], 4).contains("the mask has 5"));
    assert!(message(&[false; 6], 0).contains("trains 0 tokens"));
    assert!(message(&MASK, 3).contains("this part of it 4"));
}

fn preference(log_probs: &[f32], pairs: &[Pair], settings: &DpoSettings) -> Result<Outcome<DpoStatistics>> {
    run(log_probs, &vec![1.0; log_probs.len()], |outputs| dpo_loss(outputs, &MASK, pairs, 1, settings))
}

fn pair(reference_chosen: f64, reference_rejected: f64) -> Pair {
    Pair { chosen_tokens: 2, rejected_tokens: 4, reference_chosen, reference_rejected }
}

#[test]
fn preference_starts_at_the_logarithm_of_two() {
    let log_probs = [-0.5, -9.0, -1.5, -0.25, -0.75, -9.0];
    let outcome = preference(&log_probs, &[pair(-0.5, -2.5)], &DpoSettings::default()).unwrap();
    assert!((outcome.loss - std::f64::consts::LN_2).abs() < 1e-7, "{}", outcome.loss);
    assert_eq!(outcome.dlog_probs, [-0.05, 0.0, 0.05, 0.05, 0.05, 0.0]);
    assert_eq!(outcome.statistics.margin(), 0.0);
}

#[test]
fn preference_is_its_formula() {
    let log_probs = numbers(6, 5);
    for settings in
        [DpoSettings { beta: 0.7, label_smoothing: 0.0 }, DpoSettings { beta: 3.0, label_smoothing: 0.2 }]
    {
        let loss = |lp: &[f64]| {
            let margin = settings.beta * ((lp[0] + 1.3) - (lp[2] + lp[3] + lp[4] + 0.4));
            let log_sigmoid = |x: f64| (1.0 / (1.0 + (-x).exp())).ln();
            -(1.0 - settings.label_smoothing) * log_sigmoid(margin)
                - settings.label_smoothing * log_sigmoid(-margin)
        };
        let outcome = preference(&log_probs, &[pair(-1.3, -0.4)], &settings).unwrap();
        let lp = wide(&log_probs);
        assert_close("loss", &[outcome.loss], &[loss(&lp)], 1e-6);
        let slope = |index: usize| {
            let moved = |by: f64| {
                let mut lp = lp.clone();
                lp[index] += by;
                loss(&lp)
            };
            (moved(1e-6) - moved(-1e-6)) / 2e-6
        };
        let exact: Vec<f64> = (0..6).map(slope).collect();
        assert_close("gradient", &wide(&outcome.dlog_probs), &exact, 1e-6);
    }
}

#[test]
fn preference_stays_finite_far_out_and_refuses_misfits() {
    let settings = DpoSettings { beta: 1.0, label_smoothing: 0.0 };
    let outcome = preference(&[-0.5; 6], &[pair(5000.0, -5000.0)], &settings).unwrap();
    assert!((outcome.loss - 9999.0).abs() < 1e-3 && outcome.dlog_probs[0] == -1.0, "{outcome:?}");
    let message = |pairs: &[Pair], settings: &DpoSettings| {
        preference(&[-0.5; 6], pairs, settings).unwrap_err().to_string()
    };
    assert!(message(&[], &settings).contains("the pairs 0"));
    assert!(message(&[pair(f64::NAN, 0.0)], &settings).contains("pair 0 is not finite"));
    let negative = DpoSettings { beta: -1.0, ..settings };
    assert!(message(&[pair(0.0, 0.0)], &negative).contains("beta must be positive"));
}
