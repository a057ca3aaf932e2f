//! What one ratio and one advantage are worth: value and slope, in closed form.

use super::{PolicySettings, algorithm::Surrogate};

/// A loss and its derivative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Term {
    pub(super) value: f64,
    /// With respect to log ρ; for surrogates of a token's log-probability, with respect to that. The two are the same for
    /// a token.
    pub(super) slope: f64,
    /// ρ was too small, or too large, to train on.
    pub(super) clipped: Clipped,
}

/// At which end a ratio was cut off, and against which advantage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clipped {
    No,
    Low,
    High,
}

impl PolicySettings {
    /// The loss of a token or a rollout with log-ratio `log_ratio`, log-probability `log_prob` and advantage `advantage`.
    pub(super) fn term(&self, log_ratio: f64, log_prob: f64, advantage: f64) -> Term {
        let ratio = log_ratio.exp();
        match self.algorithm.surrogate() {
            Surrogate::Clipped => self.clipped(ratio, advantage),
            Surrogate::Truncated => {
                let high = self.clip().1;
                let weight = -ratio.min(high) * advantage;
                let clipped = if ratio > high && advantage > 0.0 { Clipped::High } else { Clipped::No };
                Term { value: weight * log_prob, slope: weight, clipped }
            }
            Surrogate::Gated => self.gated(ratio, advantage),
            Surrogate::LogProb => {
                Term { value: -advantage * log_prob, slope: -advantage, clipped: Clipped::No }
            }
        }
    }

    /// −min(min(ρ, δ) A, clip(ρ, 1 − ε, 1 + ε_high) A), and no more than −cA where A < 0.
    fn clipped(&self, ratio: f64, advantage: f64) -> Term {
        let (low, high) = self.clip();
        let (low, high) = (1.0 - low, 1.0 + high);
        let capped = self.delta.map_or(ratio, |delta| ratio.min(delta));
        let bounded = ratio.clamp(low, high);
        let free = -capped * advantage;
        let bound = -bounded * advantage;
        // The cap and the clip are both flat beyond their bounds.
        let moves = if free >= bound { capped == ratio } else { bounded == ratio };
        let mut term = Term {
            value: free.max(bound),
            slope: if moves { -ratio * advantage } else { 0.0 },
            clipped: match advantage {
                a if a < 0.0 && capped < low => Clipped::Low,
                a if a > 0.0 && capped > high => Clipped::High,
                _ => Clipped::No,
            },
        };
        if let Some(most) = self.dual_clip.filter(|_| advantage < 0.0).map(|c| -c * advantage)
            && term.value > most
        {
            term = Term { value: most, slope: 0.0, ..term };
        }
        term
    }

    /// −A σ(τ(ρ − 1)) 4/τ.
    fn gated(&self, ratio: f64, advantage: f64) -> Term {
        let tau = if advantage > 0.0 { self.sapo_temperature_pos } else { self.sapo_temperature_neg };
        let gate = 1.0 / (1.0 + (-tau * (ratio - 1.0)).exp());
        Term {
            value: -advantage * gate * 4.0 / tau,
            slope: -advantage * 4.0 * gate * (1.0 - gate) * ratio,
            clipped: Clipped::No,
        }
    }
}
