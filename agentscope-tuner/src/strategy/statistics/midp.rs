//! A one-sided test of paired outcomes that loses less to discreteness than the exact one.

use statrs::distribution::{Binomial, Discrete as _, DiscreteCDF as _};

use super::{Unit, paired_p};

/// Up to so many differences that are not 0, all sign patterns are tried.
const EXACT: usize = 16;

/// One-sided p that the mean of paired `differences` is not above 0: the sign permutation test (Fisher 1935) in its mid-p
/// version, P(S > s) + P(S = s) / 2 for the sum S under random signs.
///
/// Of 0/1 outcomes that is the mid-p version of McNemar's test, which Fagerland, Lydersen and Laake (2013) recommend. Of more
/// than 16 graded differences it is half the p of [`paired_p`].
pub fn superiority_p(differences: &[f64], seed: u64) -> f64 {
    if differences.iter().all(|one| *one == 0.0 || one.abs() == 1.0) {
        let count = |sign: f64| differences.iter().filter(|one| **one == sign).count() as u64;
        return mid_p(count(1.0), count(-1.0));
    }
    let sum: f64 = differences.iter().sum();
    let sizes: Vec<f64> = differences.iter().map(|one| one.abs()).filter(|size| *size > 0.0).collect();
    if sizes.len() <= EXACT {
        return permuted(&sizes, sum);
    }
    let units: Vec<Unit> = differences.iter().copied().map(Unit::from).collect();
    let half = paired_p(differences, &units, seed) / 2.0;
    if sum > 0.0 { half } else { 1.0 - half }
}

/// Over all sign patterns; sums in another order differ in their last bits.
fn permuted(sizes: &[f64], sum: f64) -> f64 {
    let slack = 1e-9 * sizes.iter().sum::<f64>();
    let patterns = 1_u32 << sizes.len();
    let reached = (0..patterns).map(|pattern| {
        let signed = |(at, size): (usize, &f64)| if pattern >> at & 1 == 1 { -size } else { *size };
        let other: f64 = sizes.iter().enumerate().map(signed).sum();
        if other > sum + slack {
            1.0
        } else if other >= sum - slack {
            0.5
        } else {
            0.0
        }
    });
    reached.sum::<f64>() / f64::from(patterns)
}

fn mid_p(wins: u64, losses: u64) -> f64 {
    // A share of one half is always valid.
    Binomial::new(0.5, wins + losses).map_or(1.0, |coin| coin.sf(wins) + coin.pmf(wins) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // 4 wins and no loss: 1/16 / 2. 6 and 1: 1/128 + 7/128 / 2.
        assert!((mid_p(4, 0) - 1.0 / 32.0).abs() < 1e-12);
        assert!((mid_p(6, 1) - 4.5 / 128.0).abs() < 1e-12);
        assert!((mid_p(0, 0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn graded_differences_have_the_side_of_their_sum() {
        let up = superiority_p(&[0.5, 0.4, 0.3, 0.6, 0.2], 1);
        let down = superiority_p(&[-0.5, -0.4, -0.3, -0.6, -0.2], 1);
        // All of one sign: one pattern of 32, counted half.
        assert!((up - 1.0 / 64.0).abs() < 1e-12 && (down - 63.0 / 64.0).abs() < 1e-12);
        let halves = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, -0.5, 0.0];
        assert!((superiority_p(&halves, 1) - mid_p(6, 1)).abs() < 1e-12);
    }

    #[test]
    fn without_a_difference_it_is_small_no_more_often_than_it_says() {
        // All outcomes of 20 pairs that are discordant with probability one half each way: the error at 0.05.
        let coin = Binomial::new(0.5, 20).unwrap();
        let error: f64 =
            (0..=20_u64).filter(|wins| mid_p(*wins, 20 - wins) <= 0.05).map(|wins| coin.pmf(wins)).sum();
        assert!(error <= 0.0578, "{error}");
    }
}
