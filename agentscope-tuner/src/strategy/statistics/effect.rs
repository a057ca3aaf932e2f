//! What a number of rows can show at all.

use statrs::distribution::{ContinuousCDF as _, Normal};

/// Share of runs in which an effect of the stated size would be shown.
const POWER: f64 = 0.8;

/// The smallest mean difference that a two-sided test at `level` shows in 80 % of runs, over `n` pairs whose differences
/// have this standard `deviation`: (z(1 - level/2) + z(0.8)) deviation / sqrt(n). `None` for fewer than two pairs.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub fn detectable_effect(deviation: f64, n: usize, level: f64) -> Option<f64> {
    let z = |share: f64| Normal::standard().inverse_cdf(share);
    (n >= 2).then(|| (z(1.0 - level / 2.0) + z(POWER)) * deviation / (n as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_textbook_case() {
        // (1.95996 + 0.84162) / 10
        assert!((detectable_effect(1.0, 100, 0.05).unwrap() - 0.280_158).abs() < 1e-5);
        assert_eq!(detectable_effect(1.0, 1, 0.05), None);
    }
}
