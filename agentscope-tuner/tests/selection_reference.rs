//! The statistics of selection against SciPy and statsmodels: `data/statistics/make_reference.py` made the numbers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use agentscope_tuner::strategy::statistics::{
    Unit, bootstrap, detectable_effect, holm, mcnemar, sign_permutation, wilson,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    mcnemar: Vec<McNemar>,
    sign_permutation: Vec<Signs>,
    holm: Vec<Holm>,
    wilson: Vec<Wilson>,
    detectable: Vec<Detectable>,
    bootstrap: Vec<Bootstrap>,
}

#[derive(Deserialize)]
struct McNemar {
    wins: u64,
    losses: u64,
    p: f64,
}

#[derive(Deserialize)]
struct Signs {
    differences: Vec<f64>,
    p: f64,
}

#[derive(Deserialize)]
struct Holm {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct Wilson {
    successes: usize,
    n: usize,
    confidence: f64,
    interval: (f64, f64),
}

#[derive(Deserialize)]
struct Detectable {
    deviation: f64,
    n: usize,
    level: f64,
    effect: f64,
}

#[derive(Deserialize)]
struct Bootstrap {
    values: Vec<f64>,
    interval: (f64, f64),
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("data/statistics/reference.json")).unwrap()
}

#[track_caller]
fn assert_near(ours: f64, theirs: f64, tolerance: f64) {
    assert!((ours - theirs).abs() <= tolerance, "{ours} is not {theirs}");
}

#[test]
fn mcnemar_is_statsmodels() {
    for McNemar { wins, losses, p } in reference().mcnemar {
        assert_near(mcnemar(wins, losses), p, 1e-10);
    }
}

#[test]
fn sign_permutation_is_scipys() {
    for Signs { differences, p } in reference().sign_permutation {
        assert_near(sign_permutation(&differences, 1), p, 1e-12);
    }
}

#[test]
fn holm_is_statsmodels() {
    for Holm { p, adjusted } in reference().holm {
        holm(&p, p.len()).iter().zip(adjusted).for_each(|(ours, theirs)| assert_near(*ours, theirs, 1e-12));
    }
}

#[test]
fn wilson_is_statsmodels() {
    for Wilson { successes, n, confidence, interval } in reference().wilson {
        let (low, high) = wilson(successes, n, confidence);
        assert_near(low, interval.0, 1e-10);
        assert_near(high, interval.1, 1e-10);
    }
}

#[test]
fn the_detectable_effect_is_statsmodels() {
    for Detectable { deviation, n, level, effect } in reference().detectable {
        // Theirs counts the far tail too.
        assert_near(detectable_effect(deviation, n, level).unwrap(), effect, 1e-5);
    }
}

#[test]
fn the_studentised_bootstrap_is_numpys_but_for_chance() {
    for Bootstrap { values, interval } in reference().bootstrap {
        let units: Vec<Unit> = values.into_iter().map(Unit::from).collect();
        let (low, high) = bootstrap(&units, 0.95, 1);
        let width = interval.1 - interval.0;
        assert_near(low, interval.0, 0.06 * width);
        assert_near(high, interval.1, 0.06 * width);
    }
}
