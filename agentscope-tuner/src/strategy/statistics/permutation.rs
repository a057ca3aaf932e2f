//! The sign permutation test of paired differences.

use super::random::mix;
use crate::seed;

/// Up to so many differences that are not 0, all sign patterns are tried.
const EXACT: usize = 16;
/// Else so many are drawn; the smallest p is 1 over one more.
const DRAWS: u64 = 20_000;

/// Two-sided p of the hypothesis that each difference is as likely with the other sign (Fisher 1935).
///
/// Exact for up to 16 differences that are not 0; else by seeded Monte Carlo, the observed pattern counted among the
/// draws so that p is never too small. 1 without differences.
pub fn sign_permutation(differences: &[f64], seed: u64) -> f64 {
    let sizes: Vec<f64> = differences.iter().filter(|one| **one != 0.0).map(|one| one.abs()).collect();
    let observed = differences.iter().sum::<f64>().abs();
    // Sums in another order differ in their last bits; equal ones must count.
    let reached = observed - 1e-9 * sizes.iter().sum::<f64>();
    if sizes.len() <= EXACT { exact(&sizes, reached) } else { drawn(&sizes, reached, seed) }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn exact(sizes: &[f64], reached: f64) -> f64 {
    let patterns = 1_u64 << sizes.len();
    let extreme = (0..patterns).filter(|pattern| signed_sum(sizes, |at| pattern >> at & 1 == 1) >= reached);
    extreme.count() as f64 / patterns as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn drawn(sizes: &[f64], reached: f64, seed: u64) -> f64 {
    let start = seed::draw(seed, "sign permutation", []);
    let words = sizes.len().div_ceil(64) as u64;
    let extreme = (0..DRAWS).filter(|draw| {
        let pattern: Vec<u64> = (0..words).map(|word| mix(start, draw * words + word)).collect();
        signed_sum(sizes, |at| pattern[at / 64] >> (at % 64) & 1 == 1) >= reached
    });
    (extreme.count() + 1) as f64 / (DRAWS + 1) as f64
}

fn signed_sum(sizes: &[f64], negative: impl Fn(usize) -> bool) -> f64 {
    let signed = sizes.iter().enumerate().map(|(at, size)| if negative(at) { -size } else { *size });
    signed.sum::<f64>().abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_one_sign_is_the_rarest_pattern() {
        assert_eq!(sign_permutation(&[0.1, 0.2, 0.3, 0.4, 0.5], 1), 2.0 / 32.0);
        assert_eq!(sign_permutation(&[], 1), 1.0);
        assert_eq!(sign_permutation(&[0.0, 0.3, -0.3], 1), 1.0);
    }

    #[test]
    fn drawn_patterns_agree_with_the_exact_test_of_equal_sizes() {
        // Differences of ±1 make it McNemar's test: 14 against 6.
        let differences: Vec<f64> = (0..20).map(|at| if at < 14 { 1.0 } else { -1.0 }).collect();
        let p = sign_permutation(&differences, 3);
        assert!((p - super::super::mcnemar(14, 6)).abs() < 0.01, "{p}");
    }
}
