//! The exact test of paired 0/1 outcomes.

use statrs::distribution::{Binomial, DiscreteCDF as _};

/// Two-sided p of McNemar's exact test (McNemar 1947): `wins` pairs in which only one side succeeded, `losses` in which
/// only the other did. Pairs that agree carry no information. 1 when no pair disagrees.
pub fn mcnemar(wins: u64, losses: u64) -> f64 {
    match Binomial::new(0.5, wins + losses) {
        Ok(binomial) => (2.0 * binomial.cdf(wins.min(losses))).min(1.0),
        // A share of one half is always valid.
        Err(_) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_counts_are_sums_of_binomials() {
        assert_eq!(mcnemar(0, 0), 1.0);
        // 2 / 2^6, and 2 (1 + 8) / 2^8.
        assert!((mcnemar(6, 0) - 0.03125).abs() < 1e-12);
        assert!((mcnemar(1, 7) - 18.0 / 256.0).abs() < 1e-12);
        assert_eq!(mcnemar(4, 4), 1.0);
    }
}
