//! Every loss against the formula as it is printed, in f64, and its gradient against differences of that.

use super::harness::{Case, assert_close, wide};
use crate::loss::{Algorithm, Importance, PolicySettings};

const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::Dapo,
    Algorithm::Grpo,
    Algorithm::Bnpo,
    Algorithm::DrGrpo,
    Algorithm::Gspo,
    Algorithm::Cispo,
    Algorithm::Sapo,
    Algorithm::Rloo,
    Algorithm::Reinforce,
];

/// What stands still while log-probabilities move: ratios that the formula detaches.
struct Frozen<'a> {
    case: &'a Case,
    lp: Vec<f64>,
}

/// The loss as a reader of the papers would write it: no sharing, no closed-form slopes.
fn plain(frozen: &Frozen<'_>, settings: &PolicySettings, lp: &[f64], entropies: &[f64]) -> f64 {
    let case = frozen.case;
    let (low, high) = settings.clip();
    let widen = |values: &Option<Vec<f32>>| wide(values.as_ref().unwrap());
    let (old, reference, sampler) =
        (widen(&case.rows.old), widen(&case.rows.reference), widen(&case.rows.sampler));
    let all_tokens = case.rows.trained() as f64;
    let count = case.rows.rows.len() as f64;
    let ppo = |ratio: f64, a: f64| {
        let capped = settings.delta.map_or(ratio, |delta| ratio.min(delta));
        let loss = -(capped * a).min(ratio.clamp(1.0 - low, 1.0 + high) * a);
        match settings.dual_clip {
            Some(c) if a < 0.0 => loss.min(-c * a),
            _ => loss,
        }
    };
    let (mut loss, mut start) = (0.0, 0);
    for row in &case.rows.rows {
        let tokens: Vec<usize> = (start..start + row.tokens).filter(|token| case.rows.mask[*token]).collect();
        start += row.tokens;
        let (len, a) = (tokens.len() as f64, row.advantage);
        let drift: f64 = tokens.iter().map(|t| sampler[*t] - frozen.lp[*t]).sum::<f64>() / len;
        let dropped = settings.off_policy_mask_threshold.is_some_and(|bound| a < 0.0 && drift > bound);
        let correct = |t: usize| match settings.importance {
            _ if dropped => 0.0,
            Importance::TokenTruncate { max } => (old[t] - sampler[t]).exp().min(max),
            _ => 1.0,
        };
        let sum = |value: &dyn Fn(usize) -> f64| -> f64 { tokens.iter().map(|t| value(*t)).sum() };
        let log_ratio = sum(&|t| lp[t] - old[t]);
        let kl = sum(&|t| (reference[t] - lp[t]).exp() - (reference[t] - lp[t]) - 1.0) * settings.beta;
        let clipped = sum(&|t| correct(t) * ppo((lp[t] - old[t]).exp(), a));
        loss += match settings.algorithm {
            Algorithm::Dapo | Algorithm::Bnpo => (clipped + kl) / all_tokens,
            Algorithm::Grpo => (clipped + kl) / len / count,
            Algorithm::DrGrpo => (clipped + kl) / (9.0 * count),
            Algorithm::Gspo => (ppo((log_ratio / len).exp(), a) * sum(&correct) + kl) / len / count,
            Algorithm::Cispo => {
                let weight = |t: usize| (frozen.lp[t] - old[t]).exp().min(high);
                (sum(&|t| -correct(t) * weight(t) * a * lp[t]) + kl) / all_tokens
            }
            Algorithm::Sapo => {
                let tau = if a > 0.0 { 1.0 } else { 1.05 };
                let gate = |t: usize| 1.0 / (1.0 + (-tau * ((lp[t] - old[t]).exp() - 1.0)).exp());
                (sum(&|t| -correct(t) * a * gate(t) * 4.0 / tau) + kl) / len / count
            }
            Algorithm::Rloo => (ppo(log_ratio.exp(), a) * sum(&correct) / len + kl) / count,
            Algorithm::Reinforce => (sum(&|t| -correct(t) * a * lp[t]) + kl) / count,
        };
    }
    let entropy = entropies.iter().zip(&case.rows.mask).filter(|(_, m)| **m).map(|(e, _)| e);
    loss - settings.entropy_coef * entropy.sum::<f64>() / all_tokens
}

fn variants(algorithm: Algorithm) -> Vec<PolicySettings> {
    let base = PolicySettings { algorithm, max_completion_length: Some(9), ..PolicySettings::default() };
    let wide_clip = PolicySettings { epsilon_low: Some(0.3), epsilon_high: Some(0.4), ..base };
    vec![
        base,
        wide_clip,
        PolicySettings { beta: 0.07, entropy_coef: 0.03, ..base },
        PolicySettings { delta: Some(6.5), dual_clip: Some(1.2), ..base },
        PolicySettings { delta: Some(1.5), ..wide_clip },
        PolicySettings { importance: Importance::TokenTruncate { max: 2.0 }, ..base },
        PolicySettings { off_policy_mask_threshold: Some(0.05), beta: 0.02, ..wide_clip },
    ]
}

fn slopes(values: &[f64], loss: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    const STEP: f64 = 1e-6;
    let moved = |index: usize, by: f64| {
        let mut values = values.to_vec();
        values[index] += by;
        loss(&values)
    };
    (0..values.len()).map(|index| (moved(index, STEP) - moved(index, -STEP)) / (2.0 * STEP)).collect()
}

#[test]
fn every_loss_and_gradient_is_its_formula() {
    for algorithm in ALGORITHMS {
        for (index, settings) in variants(algorithm).iter().enumerate() {
            for seed in [1, 20, 40] {
                let case = Case::new(&[4, 6, 1, 8, 3], &[0.9, -1.1, 0.5, -0.4, 1.7], seed);
                let what = format!("{algorithm} {index} {seed}");
                let (lp, entropies) = (wide(&case.log_probs), wide(&case.entropies));
                let frozen = Frozen { case: &case, lp: lp.clone() };
                let ours = case.run(settings);
                let exact = plain(&frozen, settings, &lp, &entropies);
                assert_close(&what, &[ours.loss], &[exact], 1e-6);
                let dlp = slopes(&lp, |lp| plain(&frozen, settings, lp, &entropies));
                assert_close(&what, &wide(&ours.dlog_probs), &dlp, 1e-6);
                let dentropies = slopes(&entropies, |e| plain(&frozen, settings, &lp, e));
                assert_close(&what, &wide(&ours.dentropies), &dentropies, 1e-6);
            }
        }
    }
}
