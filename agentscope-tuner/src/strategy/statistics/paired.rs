//! Two candidates on the same rows.

use statrs::distribution::{ContinuousCDF as _, Normal};

use super::{Estimate, Unit, bootstrap, mcnemar, mean, sign_permutation};

/// The mean of paired `differences`, grouped into units, with its interval; `None` without any.
///
/// Differences of 0/1 rewards have Bonett and Price's interval (2012, equation 4), which does not shrink to a point where
/// all pairs agree; others and clusters the studentised bootstrap. One unit has an interval without bounds.
pub fn difference(differences: &[f64], units: &[Unit], confidence: f64, seed: u64) -> Option<Estimate> {
    let mean = mean(differences)?;
    let n = differences.len();
    let (low, high) = if is_ternary(differences) && units.len() == n {
        bonett_price(differences, confidence)
    } else if units.len() < 2 {
        (f64::NEG_INFINITY, f64::INFINITY)
    } else {
        bootstrap(units, confidence, seed)
    };
    Some(Estimate { mean, low, high, n })
}

/// Two-sided p that there is no difference: McNemar's for 0/1 rewards, else sign permutation over units.
pub fn paired_p(differences: &[f64], units: &[Unit], seed: u64) -> f64 {
    if is_ternary(differences) && units.len() == differences.len() {
        let (wins, losses) = discordant(differences);
        mcnemar(wins, losses)
    } else {
        let sums: Vec<f64> = units.iter().map(|unit| unit.sum).collect();
        sign_permutation(&sums, seed)
    }
}

/// Standard deviation of `values`; `None` for fewer than two.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() >= 2).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

fn is_ternary(differences: &[f64]) -> bool {
    differences.iter().all(|one| *one == 0.0 || one.abs() == 1.0)
}

fn discordant(differences: &[f64]) -> (u64, u64) {
    let count = |sign: f64| differences.iter().filter(|one| **one == sign).count() as u64;
    (count(1.0), count(-1.0))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn bonett_price(differences: &[f64], confidence: f64) -> (f64, f64) {
    let z = Normal::standard().inverse_cdf(f64::midpoint(1.0, confidence));
    let (wins, losses) = discordant(differences);
    let n = differences.len() as f64 + 2.0;
    let (win, loss) = ((wins as f64 + 1.0) / n, (losses as f64 + 1.0) / n);
    let half = z * ((win + loss - (win - loss).powi(2)) / n).sqrt();
    ((win - loss - half).max(-1.0), (win - loss + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(differences: &[f64]) -> Vec<Unit> {
        differences.iter().copied().map(Unit::from).collect()
    }

    #[test]
    fn pairs_that_all_agree_do_not_prove_equality() {
        let same = [0.0; 50];
        let estimate = difference(&same, &units(&same), 0.95, 1).unwrap();
        assert!(estimate.low < -0.03 && estimate.high > 0.03, "{estimate:?}");
        assert_eq!(paired_p(&same, &units(&same), 1), 1.0);
    }

    #[test]
    fn the_interval_of_shares_by_hand() {
        // 10 wins and 2 losses of 38 pairs: 11/40 - 3/40 = 0.2, variance (0.35 - 0.04) / 40.
        let mut values = vec![1.0; 10];
        values.extend([-1.0; 2]);
        values.extend([0.0; 26]);
        let estimate = difference(&values, &units(&values), 0.95, 1).unwrap();
        let half = 1.959_964 * (0.31_f64 / 40.0).sqrt();
        assert!((estimate.low - (0.2 - half)).abs() < 1e-5 && (estimate.high - (0.2 + half)).abs() < 1e-5);
    }
}
