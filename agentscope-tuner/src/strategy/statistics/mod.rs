//! Intervals and quantiles.

mod bootstrap;
mod wilson;

pub use bootstrap::bootstrap_mean;
pub use wilson::wilson;

use serde::{Deserialize, Serialize};

/// A mean with its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Number of rows.
    pub n: usize,
}

/// Share of intervals that cover the truth.
pub const CONFIDENCE: f64 = 0.95;

/// The mean of `values` with its 95 % interval: Wilson's where all are 0 or 1, else the bootstrap's.
///
/// `None` without values. One value that is neither 0 nor 1 has an interval without bounds.
pub fn estimate(values: &[f64], seed: u64) -> Option<Estimate> {
    let n = values.len();
    if n == 0 {
        return None;
    }
    let mean = mean(values)?;
    let binary = values.iter().all(|value| *value == 0.0 || *value == 1.0);
    let (low, high) = match n {
        _ if binary => wilson(values.iter().filter(|value| **value == 1.0).count(), n, CONFIDENCE),
        1 => (f64::NEG_INFINITY, f64::INFINITY),
        _ => bootstrap_mean(values, CONFIDENCE, seed),
    };
    Some(Estimate { mean, low, high, n })
}

/// The arithmetic mean; `None` without values.
#[expect(clippy::cast_precision_loss, reason = "no list has 2^53 values")]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The `share` quantile (0 to 1) of `sorted` values, linear between neighbours (type 7 of Hyndman and Fan 1996, the
/// default of NumPy and R); `None` without values.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position inside the list"
)]
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = share.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    let weight = position - below as f64;
    Some(sorted[below] + weight * (sorted[above] - sorted[below]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpys() {
        // numpy.quantile([1, 2, 3, 10], [0, .5, .95, 1])
        let sorted = [1.0, 2.0, 3.0, 10.0];
        assert_eq!(quantile(&sorted, 0.0), Some(1.0));
        assert_eq!(quantile(&sorted, 0.5), Some(2.5));
        assert!((quantile(&sorted, 0.95).unwrap() - 8.95).abs() < 1e-12);
        assert_eq!(quantile(&sorted, 1.0), Some(10.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn the_interval_fits_the_kind_of_reward() {
        let binary = estimate(&[1.0, 1.0, 1.0, 0.0], 1).unwrap();
        assert!(binary.low > 0.2 && binary.high < 1.0, "{binary:?}");
        let graded = estimate(&[0.2, 0.4, 0.9], 1).unwrap();
        assert!(graded.low >= 0.2 && graded.high <= 0.9, "{graded:?}");
        assert_eq!(estimate(&[], 1), None);
        assert_eq!(estimate(&[0.5], 1).unwrap().high, f64::INFINITY);
    }
}
