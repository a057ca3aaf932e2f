//! The settings of a policy-gradient loss.

use super::{Algorithm, algorithm::Normalizer, correction::Importance};
use crate::error::{Error, ErrorKind, Result};

/// What a policy-gradient loss is made of. The names are TRL's where it has one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolicySettings {
    /// Ratio, surrogate and normaliser.
    pub algorithm: Algorithm,
    /// How far ρ may fall below 1, in [0, 1]; none for [`Algorithm::default_clip`].
    pub epsilon_low: Option<f64>,
    /// How far ρ may rise above 1; for cispo the largest ρ itself. None for [`Algorithm::default_clip`].
    pub epsilon_high: Option<f64>,
    /// The largest ρ of the unclipped term, above `1 + epsilon_high` (INTELLECT-2, arXiv 2505.07291, eq. 2).
    pub delta: Option<f64>,
    /// The dual clip c > 1: where A < 0 the loss is at most −cA (Ye et al., arXiv 1912.09729, eq. 5). verl uses 3.
    pub dual_clip: Option<f64>,
    /// Weight of the divergence from the reference, exp(ref − lp) − (ref − lp) − 1 a token (Schulman's k3), which weighs
    /// tokens as the algorithm's surrogate does: rloo and reinforce sum it over a row. 0 needs no reference.
    pub beta: f64,
    /// Weight of the mean entropy a token, which the loss then rewards.
    pub entropy_coef: f64,
    /// Share of tokens, those of the highest entropy, that the surrogate trains (Wang et al., arXiv 2506.01939); 1 is
    /// all of them. The quantile is that of the rows that are passed together.
    pub top_entropy_quantile: f64,
    /// Correction for samples that another policy than the old one drew.
    pub importance: Importance,
    /// Drops a row whose advantage is negative and whose mean of sampler − lp is above this (DeepSeek-V3.2).
    pub off_policy_mask_threshold: Option<f64>,
    /// τ of sapo where A > 0.
    pub sapo_temperature_pos: f64,
    /// τ of sapo elsewhere.
    pub sapo_temperature_neg: f64,
    /// The constant length of dr_grpo, in tokens: the limit of a completion.
    pub max_completion_length: Option<usize>,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Dapo,
            epsilon_low: None,
            epsilon_high: None,
            delta: None,
            dual_clip: None,
            beta: 0.0,
            entropy_coef: 0.0,
            top_entropy_quantile: 1.0,
            importance: Importance::None,
            off_policy_mask_threshold: None,
            sapo_temperature_pos: 1.0,
            sapo_temperature_neg: 1.05,
            max_completion_length: None,
        }
    }
}

impl PolicySettings {
    /// How far ρ may fall below and rise above 1.
    pub fn clip(&self) -> (f64, f64) {
        let (low, high) = self.algorithm.default_clip();
        (self.epsilon_low.unwrap_or(low), self.epsilon_high.unwrap_or(high))
    }

    /// # Errors
    /// Lists every setting that is out of range, with its range.
    pub fn check(&self) -> Result<()> {
        let (low, high) = self.clip();
        let above = |value: Option<f64>, bound: f64| value.is_none_or(|v| v > bound && v.is_finite());
        let not_negative = |value: f64| value >= 0.0 && value.is_finite();
        let needs_length = self.algorithm.normalizer() == Normalizer::ConstantLength;
        let temperatures = [self.sapo_temperature_pos, self.sapo_temperature_neg];
        let checks = [
            ((0.0..=1.0).contains(&low), "epsilon_low must lie in 0..=1"),
            (high > 0.0 && high.is_finite(), "epsilon_high must be positive"),
            (above(self.delta, 1.0 + high), "delta must be above 1 + epsilon_high"),
            (above(self.dual_clip, 1.0), "dual_clip must be above 1; 3 is usual"),
            (not_negative(self.beta), "beta must be 0 or more"),
            (self.entropy_coef.is_finite(), "entropy_coef must be a number"),
            (
                self.top_entropy_quantile > 0.0 && self.top_entropy_quantile <= 1.0,
                "top_entropy_quantile must be above 0 and at most 1",
            ),
            (self.importance.is_valid(), "the bounds of importance must be positive, the upper one larger"),
            (
                above(self.off_policy_mask_threshold, f64::NEG_INFINITY),
                "off_policy_mask_threshold must be a number",
            ),
            (
                temperatures.iter().all(|t| *t > 0.0 && t.is_finite()),
                "sapo_temperature_pos and sapo_temperature_neg must be positive",
            ),
            (
                !needs_length || self.max_completion_length.is_some_and(|length| length > 0),
                "dr_grpo needs max_completion_length: the largest number of tokens of a completion",
            ),
        ];
        let faults: Vec<_> = checks.iter().filter(|(holds, _)| !holds).map(|(_, fault)| *fault).collect();
        match faults.is_empty() {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Config, faults.join("; "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_hold_and_faults_are_listed_together() {
        assert!(PolicySettings::default().check().is_ok());
        assert_eq!(PolicySettings::default().clip(), (0.2, 0.28));
        let settings = PolicySettings {
            algorithm: Algorithm::DrGrpo,
            epsilon_low: Some(1.5),
            epsilon_high: Some(f64::NAN),
            dual_clip: Some(0.5),
            beta: -1.0,
            top_entropy_quantile: 0.0,
            importance: Importance::TokenTruncate { max: -2.0 },
            sapo_temperature_neg: 0.0,
            ..PolicySettings::default()
        };
        let message = settings.check().unwrap_err().to_string();
        for fault in [
            "epsilon_low",
            "epsilon_high",
            "dual_clip",
            "beta",
            "top_entropy",
            "importance",
            "sapo_temperature",
            "max_completion_length",
        ] {
            assert!(message.contains(fault), "{fault}: {message}");
        }
    }
}
