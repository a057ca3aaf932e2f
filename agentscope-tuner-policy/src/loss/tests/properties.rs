//! What must hold whatever the numbers: invariances, limits, refusals.

use super::harness::{Case, assert_close, wide};
use crate::loss::{Algorithm, Importance, PolicySettings, Row, Totals};

fn settings(algorithm: Algorithm) -> PolicySettings {
    PolicySettings {
        algorithm,
        beta: 0.1,
        entropy_coef: 0.01,
        max_completion_length: Some(11),
        ..PolicySettings::default()
    }
}

fn case() -> Case {
    Case::new(&[4, 6, 5, 8], &[0.9, -1.1, 0.5, -0.4], 3)
}

/// The rows `from..to` as a micro-batch of their own.
fn part(case: &Case, from: usize, to: usize) -> Case {
    let start: usize = case.rows.rows[..from].iter().map(|row| row.tokens).sum();
    let end = start + case.rows.rows[from..to].iter().map(|row| row.tokens).sum::<usize>();
    let cut = |values: &Vec<f32>| values[start..end].to_vec();
    let mut part = case.clone();
    part.rows.rows = case.rows.rows[from..to].to_vec();
    part.rows.mask = case.rows.mask[start..end].to_vec();
    part.rows.old = case.rows.old.as_ref().map(cut);
    part.rows.reference = case.rows.reference.as_ref().map(cut);
    part.rows.sampler = case.rows.sampler.as_ref().map(cut);
    part.log_probs = cut(&case.log_probs);
    part.entropies = cut(&case.entropies);
    part
}

const ACCUMULATING: [Algorithm; 8] = [
    Algorithm::Dapo,
    Algorithm::Grpo,
    Algorithm::DrGrpo,
    Algorithm::Gspo,
    Algorithm::Cispo,
    Algorithm::Sapo,
    Algorithm::Rloo,
    Algorithm::Reinforce,
];

#[test]
fn micro_batches_add_up_to_the_batch() {
    for algorithm in ACCUMULATING {
        let (case, settings) = (case(), settings(algorithm));
        let whole = case.run(&settings);
        let parts = [(0, 1), (1, 3), (3, 4)].map(|(from, to)| part(&case, from, to).run(&settings));
        let mut merged = crate::loss::Statistics::default();
        let (mut dlog_probs, mut loss) = (Vec::new(), 0.0);
        for part in parts {
            dlog_probs.extend(part.dlog_probs);
            loss += part.loss;
            merged.merge(part.statistics);
        }
        assert_close(algorithm.name(), &[loss], &[whole.loss], 1e-6);
        assert_close(algorithm.name(), &wide(&dlog_probs), &wide(&whole.dlog_probs), 1e-7);
        for ((name, ours), (_, exact)) in merged.named().into_iter().zip(whole.statistics.named()) {
            assert!((ours - exact).abs() < 1e-9, "{algorithm}, {name}: {ours}, not {exact}");
        }
    }
}

#[test]
fn bnpo_is_dapo_within_a_micro_batch() {
    let bnpo = PolicySettings { beta: 0.0, entropy_coef: 0.0, ..settings(Algorithm::Bnpo) };
    let dapo = PolicySettings { epsilon_high: Some(0.2), algorithm: Algorithm::Dapo, ..bnpo };
    let mut case = case();
    assert_eq!(case.run(&bnpo).dlog_probs, case.run(&dapo).dlog_probs);
    case.totals.micro_batches = 2;
    let half: Vec<f32> = case.run(&dapo).dlog_probs.iter().map(|slope| slope / 2.0).collect();
    assert_eq!(case.run(&bnpo).dlog_probs, half);
}

/// The second rollout, cut into two rows, weighs what it did.
#[test]
fn a_fork_changes_no_weight() {
    for algorithm in ACCUMULATING {
        let (settings, case) = (settings(algorithm), case());
        let mut forked = case.clone();
        let row = case.rows.rows[1];
        forked.rows.rows[1] = Row { tokens: 4, ..row };
        forked.rows.rows.insert(2, Row { tokens: 2, ..row });
        let (case, forked) = (case.run(&settings), forked.run(&settings));
        assert_close(algorithm.name(), &wide(&forked.dlog_probs), &wide(&case.dlog_probs), 1e-7);
    }
}

#[test]
fn rows_of_one_ratio_are_refused_apart() {
    let case = case();
    let row = case.rows.rows[1];
    let mut apart = case.clone();
    apart.rows.rows[1] = Row { tokens: 4, ..row };
    apart.rows.rows.insert(2, Row { tokens: 2, rollout: 9, ..row });
    for algorithm in [Algorithm::Gspo, Algorithm::Rloo] {
        let message = apart.try_run(&settings(algorithm)).unwrap_err().to_string();
        assert!(message.contains("pass its rows together"), "{message}");
    }
    assert!(apart.try_run(&settings(Algorithm::Dapo)).is_ok());
}

#[test]
fn an_update_divides_the_batch_among_steps() {
    for algorithm in ACCUMULATING {
        let mut case = case();
        let once = case.run(&settings(algorithm));
        case.totals = Totals { updates: 2, ..case.totals };
        let twice = case.run(&settings(algorithm));
        let doubled: Vec<f64> = once.dlog_probs.iter().map(|slope| 2.0 * f64::from(*slope)).collect();
        assert_close(algorithm.name(), &wide(&twice.dlog_probs), &doubled, 1e-6);
    }
}

#[test]
fn all_masked_is_a_loss_of_zero_and_no_gradient() {
    for algorithm in ACCUMULATING.into_iter().chain([Algorithm::Bnpo]) {
        let mut case = case();
        case.rows.mask.fill(false);
        case.rows.rows.iter_mut().for_each(|row| row.rollout_tokens = 0);
        case.totals = Totals::new(0, 4);
        let outcome = case.run(&PolicySettings { top_entropy_quantile: 0.5, ..settings(algorithm) });
        assert_eq!(outcome.loss, 0.0, "{algorithm}");
        assert!(outcome.dlog_probs.iter().chain(&outcome.dentropies).all(|slope| *slope == 0.0));
        assert_eq!(outcome.statistics.trained_tokens, 0);
        assert!(outcome.statistics.named().iter().all(|(_, value)| value.is_finite()));
    }
}

/// Where nothing has moved, every algorithm's gradient is the policy gradient, −A / normaliser.
#[test]
fn the_first_step_is_the_policy_gradient() {
    for (algorithm, weight) in [
        (Algorithm::Dapo, 1.0 / 18.0),
        (Algorithm::Cispo, 1.0 / 18.0),
        (Algorithm::DrGrpo, 1.0 / 44.0),
        (Algorithm::Rloo, 0.25),
        (Algorithm::Reinforce, 0.25),
    ] {
        let mut case = case();
        case.rows.old = None;
        let settings = PolicySettings { beta: 0.0, ..settings(algorithm) };
        let outcome = case.run(&settings);
        let exact: Vec<f64> = case
            .rows
            .rows
            .iter()
            .flat_map(|row| vec![-row.advantage * weight; row.tokens])
            .zip(&case.rows.mask)
            .map(|(slope, trained)| if *trained { slope } else { 0.0 })
            .collect();
        assert_close(algorithm.name(), &wide(&outcome.dlog_probs), &exact, 1e-6);
        assert_eq!(outcome.statistics.ratio_quantile(0.99), Some(1.0));
        assert_eq!(outcome.statistics.ratio_outside(), 0.0);
    }
}

#[test]
fn large_ratios_stay_finite() {
    for algorithm in ACCUMULATING {
        let mut case = case();
        case.rows.old = Some(vec![-900.0; case.log_probs.len()]);
        case.rows.reference = Some(vec![900.0; case.log_probs.len()]);
        let outcome = case.run(&settings(algorithm));
        assert!(outcome.dlog_probs.iter().all(|slope| slope.is_finite()), "{algorithm}");
    }
}

#[test]
fn misfits_are_named() {
    let message = |change: &dyn Fn(&mut Case, &mut PolicySettings)| {
        let (mut case, mut settings) = (case(), settings(Algorithm::Dapo));
        change(&mut case, &mut settings);
        case.try_run(&settings).unwrap_err().to_string()
    };
    assert!(message(&|case, _| case.rows.reference = None).contains("beta is not 0"));
    let without_sampler = message(&|case, settings| {
        case.rows.sampler = None;
        settings.importance = Importance::TokenTruncate { max: 2.0 };
    });
    assert!(without_sampler.contains("sampler's log-probabilities"), "{without_sampler}");
    assert!(message(&|case, _| case.rows.mask.truncate(22)).contains("`mask` has 22"));
    assert!(message(&|case, _| case.rows.rows[0].tokens = 3).contains("`rows` has 22"));
    assert!(message(&|case, _| case.rows.rows[2].advantage = f64::NAN).contains("advantage of row 2 is NaN"));
    assert!(
        message(&|case, _| case.rows.rows[1].rollout_tokens = 1)
            .contains("rollout 1 trains 5 tokens here, but 1 in all")
    );
    assert!(message(&|case, _| case.totals.tokens = 3).contains("more than the 3"));
    assert!(message(&|case, _| case.totals.updates = 0).contains("at least one update"));
    assert!(message(&|case, _| case.log_probs[1] = f32::NAN).contains("log-probability of token 1 is NaN"));
    assert!(message(&|case, _| case.rows.old.as_mut().unwrap()[3] = f32::INFINITY).contains("old"));
    assert!(message(&|_, settings| settings.beta = -1.0).contains("beta must be 0 or more"));
}
