//! Intervals, tests and bounds. Each file holds one method and says where it is from.

mod bootstrap;
mod effect;
mod holm;
mod mcnemar;
mod midp;
mod paired;
mod permutation;
mod random;
mod wealth;
mod wilson;

pub use bootstrap::{Unit, bootstrap};
pub use effect::detectable_effect;
pub use holm::holm;
pub use mcnemar::mcnemar;
pub use midp::superiority_p;
pub use paired::{deviation, difference, paired_p};
pub use permutation::sign_permutation;
pub use wealth::{Stakes, Wealth};
pub use wilson::wilson;

use serde::{Deserialize, Deserializer, Serialize};

/// A mean with its confidence interval. In JSON an end without bound is null.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Lower end of the interval.
    #[serde(deserialize_with = "low")]
    pub low: f64,
    /// Upper end of the interval.
    #[serde(deserialize_with = "high")]
    pub high: f64,
    /// Number of rows.
    pub n: usize,
}

fn low<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NEG_INFINITY))
}

fn high<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::INFINITY))
}

/// Share of intervals that cover the truth, unless another is set.
pub const CONFIDENCE: f64 = 0.95;

/// The mean of `values`, one a row, with its interval; `None` without values.
///
/// Wilson's where all are 0 or 1, else the studentised bootstrap's, cut to [0, 1] where all values lie in it. One value
/// that is neither 0 nor 1 has an interval without bounds.
pub fn estimate(values: &[f64], confidence: f64, seed: u64) -> Option<Estimate> {
    let binary = values.iter().all(|value| *value == 0.0 || *value == 1.0);
    if binary && !values.is_empty() {
        let n = values.len();
        let (low, high) = wilson(values.iter().filter(|value| **value == 1.0).count(), n, confidence);
        return Some(Estimate { mean: mean(values)?, low, high, n });
    }
    let units: Vec<Unit> = values.iter().copied().map(Unit::from).collect();
    estimate_clustered(values, &units, confidence, seed)
}

/// The same where rows come in clusters: `units` are the sums of `values` over each.
pub fn estimate_clustered(values: &[f64], units: &[Unit], confidence: f64, seed: u64) -> Option<Estimate> {
    let mean = mean(values)?;
    let (low, high) = match units {
        [] | [_] => (f64::NEG_INFINITY, f64::INFINITY),
        _ => bootstrap(units, confidence, seed),
    };
    let shares = values.len() > 1 && values.iter().all(|value| (0.0..=1.0).contains(value));
    let (low, high) = if shares { (low.max(0.0), high.min(1.0)) } else { (low, high) };
    Some(Estimate { mean, low, high, n: values.len() })
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
        let binary = estimate(&[1.0, 1.0, 1.0, 0.0], 0.95, 1).unwrap();
        assert!(binary.low > 0.2 && binary.high < 1.0, "{binary:?}");
        let graded = estimate(&[0.2, 0.4, 0.9], 0.95, 1).unwrap();
        assert!(graded.low >= 0.0 && graded.high <= 1.0, "{graded:?}");
        assert_eq!(estimate(&[], 0.95, 1), None);
        assert_eq!(estimate(&[0.5], 0.95, 1).unwrap().high, f64::INFINITY);
    }

    #[test]
    fn an_interval_without_bounds_survives_json() {
        let one = estimate(&[0.5], 0.95, 1).unwrap();
        let json = serde_json::to_string(&one).unwrap();
        assert_eq!(json, r#"{"mean":0.5,"low":null,"high":null,"n":1}"#);
        assert_eq!(serde_json::from_str::<Estimate>(&json).unwrap(), one);
    }
}
