//! Resampling.

use super::quantile;
use crate::seed;

/// Resamples of one interval.
const RESAMPLES: u64 = 4000;

/// The percentile bootstrap interval of the mean of `values`, at least two.
///
/// The resamples depend on `seed` and on nothing else.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "indices are far below 2^53"
)]
pub fn bootstrap_mean(values: &[f64], confidence: f64, seed: u64) -> (f64, f64) {
    let n = values.len() as u64;
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|resample| {
            let start = seed::draw(seed, "bootstrap", [&resample.to_le_bytes()[..]]);
            let sum: f64 = (0..n).map(|draw| values[index(mix(start, draw), n) as usize]).sum();
            sum / n as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    let end = |share| quantile(&means, share).unwrap_or(f64::NAN);
    (end(tail), end(1.0 - tail))
}

/// Output number `counter` of SplitMix64 (Steele, Lea and Flood 2014) started at `start`: a hash would do the same a
/// hundred times slower.
fn mix(start: u64, counter: u64) -> u64 {
    let mut z = start.wrapping_add(counter.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number below `n`, from 64 random bits (Lemire 2019, without the rejection: `n` is far below 2^64).
fn index(bits: u64, n: u64) -> u64 {
    ((u128::from(bits) * u128::from(n)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_agrees_with_its_reference() {
        // The first outputs of the reference implementation for the seed 1234567.
        assert_eq!(mix(1_234_567, 0), 6_457_827_717_110_365_317);
        assert_eq!(mix(1_234_567, 1), 3_203_168_211_198_807_973);
    }

    #[test]
    fn the_interval_is_near_the_normal_one_for_many_values() {
        // 0, 1/999, …, 1: standard error of the mean is 0.2890 / sqrt(1000).
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i) / 999.0).collect();
        let (low, high) = bootstrap_mean(&values, 0.95, 7);
        let half = 1.96 * 0.2890 / 1000.0_f64.sqrt();
        assert!((low - (0.5 - half)).abs() < 0.002, "{low}");
        assert!((high - (0.5 + half)).abs() < 0.002, "{high}");
        assert_eq!((low, high), bootstrap_mean(&values, 0.95, 7));
    }
}
