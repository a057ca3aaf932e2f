//! Corrections for samples that another policy drew than the one whose ratio is clipped: an engine of other arithmetic, or
//! an older policy.
//!
//! Both read the sampler's log-probabilities. One that is NaN is unknown and counts as equal to ours, as TRL has it.

/// The weight exp(old − sampler) that each token's surrogate is multiplied by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Importance {
    /// No correction: sampler and trainer agree.
    #[default]
    None,
    /// Of each token, and no more than `max` (Yao et al., 2025); 2 is usual.
    TokenTruncate {
        /// The largest weight.
        max: f64,
    },
    /// Of each token; 0 where it is outside the bounds.
    TokenMask {
        /// The smallest weight that counts.
        min: f64,
        /// The largest weight that counts.
        max: f64,
    },
    /// Of the whole row, for gspo and rloo of the rollout, and no more than `max`.
    SequenceTruncate {
        /// The largest weight.
        max: f64,
    },
    /// Of the whole row, for gspo and rloo of the rollout; 0 where it is outside the bounds.
    SequenceMask {
        /// The smallest weight that counts.
        min: f64,
        /// The largest weight that counts.
        max: f64,
    },
}

impl Importance {
    pub(super) fn is_valid(self) -> bool {
        match self {
            Self::None => true,
            Self::TokenTruncate { max } | Self::SequenceTruncate { max } => max > 0.0,
            Self::TokenMask { min, max } | Self::SequenceMask { min, max } => min >= 0.0 && max > min,
        }
    }

    /// The weight of each token of a row, given old − sampler.
    pub(super) fn weights(self, differences: &[f64], mask: &[bool]) -> Vec<f64> {
        let token = |bound: &dyn Fn(f64) -> f64| differences.iter().map(|d| bound(d.exp())).collect();
        let row = |bound: &dyn Fn(f64) -> f64| {
            let sum: f64 = differences.iter().zip(mask).filter(|(_, m)| **m).map(|(d, _)| d).sum();
            vec![bound(sum.exp()); differences.len()]
        };
        let within = |min: f64, max: f64| move |w: f64| if (min..=max).contains(&w) { w } else { 0.0 };
        match self {
            Self::None => vec![1.0; differences.len()],
            Self::TokenTruncate { max } => token(&|w| w.min(max)),
            Self::TokenMask { min, max } => token(&within(min, max)),
            Self::SequenceTruncate { max } => row(&|w| w.min(max)),
            Self::SequenceMask { min, max } => row(&within(min, max)),
        }
    }
}

/// Sampler − lp of each token, 0 where the sampler's is unknown.
pub(super) fn differences(minuend: &[f64], subtrahend: &[f64]) -> Vec<f64> {
    let difference = |(a, b): (&f64, &f64)| if a.is_nan() || b.is_nan() { 0.0 } else { a - b };
    minuend.iter().zip(subtrahend).map(difference).collect()
}

/// Whether a row stays: its advantage is not negative, or the mean of sampler − lp over its tokens is small enough.
pub(super) fn keeps_row(advantage: f64, drift: &[f64], mask: &[bool], threshold: f64) -> bool {
    let (sum, count) = drift
        .iter()
        .zip(mask)
        .filter(|(_, trained)| **trained)
        .fold((0.0, 0), |(sum, count), (drift, _)| (sum + drift, count + 1));
    advantage >= 0.0 || sum / f64::from(count.max(1)) <= threshold
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of TRL's own test of its mask.
    #[test]
    fn rows_far_off_policy_are_dropped_only_where_the_advantage_is_negative() {
        let keeps = |lp: f64, advantage: f64| {
            let drift = differences(&[-0.5; 3], &[lp; 3]);
            keeps_row(advantage, &drift, &[true; 3], 1.0)
        };
        assert_eq!([keeps(-2.0, 1.0), keeps(-0.5, -1.0), keeps(-2.0, -1.0)], [true, true, false]);
        // Unknown or untrained tokens are no evidence.
        let drift = differences(&[f64::NAN, 5.0], &[-2.0, -2.0]);
        assert!(keeps_row(-1.0, &drift, &[true, false], 1.0));
    }

    #[test]
    fn weights_are_bounded_as_named() {
        let (differences, mask) = ([0.0, 1.0, -1.0, 9.0], [true, true, true, false]);
        let e = 1_f64.exp();
        let weights = |importance: Importance| importance.weights(&differences, &mask);
        assert_eq!(weights(Importance::None), [1.0; 4]);
        assert_eq!(weights(Importance::TokenTruncate { max: 2.0 })[..3], [1.0, 2.0, 1.0 / e]);
        assert_eq!(weights(Importance::TokenMask { min: 0.5, max: 3.0 })[..3], [1.0, e, 0.0]);
        assert_eq!(weights(Importance::SequenceTruncate { max: 0.5 }), [0.5; 4]);
        assert_eq!(weights(Importance::SequenceMask { min: 0.0, max: 0.5 }), [0.0; 4]);
        assert_eq!(weights(Importance::SequenceMask { min: 0.5, max: 2.0 }), [1.0; 4]);
    }
}
