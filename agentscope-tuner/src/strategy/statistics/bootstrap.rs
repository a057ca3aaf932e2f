//! Resampling.

use super::{
    quantile,
    random::{below, mix},
};
use crate::seed;

/// Resamples of one interval.
const RESAMPLES: u64 = 2000;

/// Rows that are drawn together: a cluster, or a single row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Unit {
    /// Sum of its values.
    pub sum: f64,
    /// Number of its rows, at least 1.
    pub rows: f64,
}

impl From<f64> for Unit {
    fn from(value: f64) -> Self {
        Self { sum: value, rows: 1.0 }
    }
}

/// The studentised bootstrap interval (Efron and Tibshirani 1993, chapter 12) of the mean over rows, from at least two
/// units. It covers skewed rewards, which percentile intervals do not, and clusters through their linearised error.
///
/// The resamples depend on `seed` and on nothing else. An end is infinite where the units cannot bound it.
pub fn bootstrap(units: &[Unit], confidence: f64, seed: u64) -> (f64, f64) {
    let (mean, error) = mean_and_error(units.iter().copied());
    if error <= f64::EPSILON * mean.abs() {
        return (mean, mean);
    }
    let mut pivots: Vec<f64> = (0..RESAMPLES)
        .map(|resample| {
            let start = seed::draw(seed, "bootstrap", [&resample.to_le_bytes()[..]]);
            let drawn = (0..units.len() as u64).map(|draw| units[below(mix(start, draw), units.len())]);
            let (center, spread) = mean_and_error(drawn);
            pivot(center - mean, spread, error)
        })
        .collect();
    pivots.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    let end = |share| quantile(&pivots, share).filter(|pivot| !pivot.is_nan());
    let low = end(1.0 - tail).map_or(f64::NEG_INFINITY, |pivot| mean - pivot * error);
    let high = end(tail).map_or(f64::INFINITY, |pivot| mean - pivot * error);
    (low, high)
}

/// How far a resample is off, in its own standard errors; without an end where all drawn units are alike.
fn pivot(distance: f64, spread: f64, error: f64) -> f64 {
    if spread > 1e-9 * error {
        distance / spread
    } else if distance.abs() <= 1e-9 * error {
        0.0
    } else {
        f64::INFINITY.copysign(distance)
    }
}

/// The mean over rows and its standard error over units, by linearisation of the ratio of sums (Cochran 1977, 6.4).
fn mean_and_error(units: impl Iterator<Item = Unit> + Clone) -> (f64, f64) {
    let (mut count, mut sum, mut rows, mut squares, mut products, mut sizes) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for Unit { sum: s, rows: r } in units {
        count += 1.0;
        sum += s;
        rows += r;
        squares += s * s;
        products += s * r;
        sizes += r * r;
    }
    let mean = sum / rows;
    let residuals = (squares - 2.0 * mean * products + mean * mean * sizes).max(0.0);
    // What is left after cancellation is rounding, not variance.
    let residuals = if residuals < 1e-12 * squares { 0.0 } else { residuals };
    (mean, (residuals * count / (count - 1.0)).sqrt() / rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_near_the_normal_one_for_many_values() {
        // 0, 1/999, …, 1: standard error of the mean is 0.2890 / sqrt(1000).
        let values: Vec<Unit> = (0..1000).map(|i| (f64::from(i) / 999.0).into()).collect();
        let (low, high) = bootstrap(&values, 0.95, 7);
        let half = 1.96 * 0.2890 / 1000.0_f64.sqrt();
        assert!((low - (0.5 - half)).abs() < 0.002, "{low}");
        assert!((high - (0.5 + half)).abs() < 0.002, "{high}");
        assert_eq!((low, high), bootstrap(&values, 0.95, 7));
    }

    #[test]
    fn clusters_of_equal_rows_are_as_wide_as_their_number() {
        let alone: Vec<Unit> = (0..40).map(|i| (f64::from(i % 7) / 7.0).into()).collect();
        let tenfold: Vec<Unit> = alone.iter().map(|unit| Unit { sum: 10.0 * unit.sum, rows: 10.0 }).collect();
        let (one, ten) = (bootstrap(&alone, 0.95, 1), bootstrap(&tenfold, 0.95, 1));
        assert!((one.0 - ten.0).abs() < 1e-9 && (one.1 - ten.1).abs() < 1e-9);
    }

    #[test]
    fn a_skewed_sample_has_a_longer_upper_side() {
        let values: Vec<Unit> = (1..=20).map(|i| (1.0 / f64::from(i)).into()).collect();
        let (mean, _) = mean_and_error(values.iter().copied());
        let (low, high) = bootstrap(&values, 0.95, 1);
        assert!(high - mean > 1.3 * (mean - low), "{low} {mean} {high}");
    }
}
