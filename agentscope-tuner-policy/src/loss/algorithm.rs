//! The policy-gradient algorithms by name, and the three choices that tell them apart.

use std::{fmt, str::FromStr};

use crate::error::{Error, ErrorKind, Result};

/// A policy-gradient algorithm: over what the ratio ρ = π/π_old is taken, what is made of it, and what the sum over
/// tokens is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Clipped token ratios, every token of the generation batch weighs the same (Yu et al., arXiv 2503.14476, eq. 8).
    #[default]
    Dapo,
    /// Clipped token ratios, every rollout weighs the same (Shao et al., arXiv 2402.03300, eq. 3).
    Grpo,
    /// As dapo, but within each micro-batch: the weight of a token depends on how the batch was cut.
    Bnpo,
    /// Clipped token ratios over a constant length, without a bias towards short answers (Liu et al., arXiv 2503.20783).
    DrGrpo,
    /// Clipped ratios of whole sequences, the geometric mean of their tokens' (Zheng et al., arXiv 2507.18071, eq. 5).
    Gspo,
    /// Log-probabilities weighted by truncated token ratios: no token is ever dropped (MiniMax, arXiv 2506.13585, eq. 4).
    Cispo,
    /// Token ratios through a sigmoid gate instead of a clip (Gao et al., arXiv 2511.20347).
    Sapo,
    /// Clipped ratios of whole sequences, the product of their tokens' (Ahmadian et al., arXiv 2402.14740).
    Rloo,
    /// Log-probability times advantage, summed over a sequence; no ratio (Williams, 1992).
    Reinforce,
}

/// Over what a ratio is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Token,
    /// The geometric mean over the tokens of a rollout.
    SequenceMean,
    /// The product over the tokens of a rollout.
    SequenceProduct,
}

/// What is made of a ratio and an advantage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surrogate {
    Clipped,
    Truncated,
    Gated,
    LogProb,
}

/// What the sum over tokens is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Normalizer {
    BatchTokens,
    MicroBatchTokens,
    /// The length of the token's rollout times the number of rollouts.
    RolloutTokens,
    /// A constant length times the number of rollouts.
    ConstantLength,
    Rollouts,
}

const NAMES: [(&str, Algorithm); 10] = [
    ("dapo", Algorithm::Dapo),
    ("grpo", Algorithm::Grpo),
    ("bnpo", Algorithm::Bnpo),
    ("dr_grpo", Algorithm::DrGrpo),
    ("gspo", Algorithm::Gspo),
    ("cispo", Algorithm::Cispo),
    ("sapo", Algorithm::Sapo),
    ("rloo", Algorithm::Rloo),
    ("reinforce", Algorithm::Reinforce),
    // AgentScope's name for grpo over the several turns of a rollout, which is what rows of one rollout are here.
    ("multi_step_grpo", Algorithm::Grpo),
];

impl Algorithm {
    /// The name in a configuration.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, algorithm)| *algorithm == self).map_or("", |(name, _)| name)
    }

    /// How far ρ may fall below and rise above 1 unless the settings say otherwise. For cispo the second is the largest
    /// ρ itself.
    pub fn default_clip(self) -> (f64, f64) {
        match self {
            Self::Dapo => (0.2, 0.28),
            Self::Gspo => (3e-4, 4e-4),
            Self::Cispo => (0.2, 5.0),
            _ => (0.2, 0.2),
        }
    }

    /// Whether a ratio is that of a whole rollout, whose rows must then be passed together.
    pub(crate) fn is_over_sequences(self) -> bool {
        self.level() != Level::Token
    }

    pub(super) fn level(self) -> Level {
        match self {
            Self::Gspo => Level::SequenceMean,
            Self::Rloo => Level::SequenceProduct,
            _ => Level::Token,
        }
    }

    pub(super) fn surrogate(self) -> Surrogate {
        match self {
            Self::Cispo => Surrogate::Truncated,
            Self::Sapo => Surrogate::Gated,
            Self::Reinforce => Surrogate::LogProb,
            _ => Surrogate::Clipped,
        }
    }

    pub(super) fn normalizer(self) -> Normalizer {
        match self {
            Self::Dapo | Self::Cispo => Normalizer::BatchTokens,
            Self::Bnpo => Normalizer::MicroBatchTokens,
            Self::Grpo | Self::Gspo | Self::Sapo => Normalizer::RolloutTokens,
            Self::DrGrpo => Normalizer::ConstantLength,
            Self::Rloo | Self::Reinforce => Normalizer::Rollouts,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm).ok_or_else(|| {
            let known: Vec<_> = NAMES.iter().map(|(known, _)| *known).collect();
            Error::new(
                ErrorKind::Config,
                format!("there is no algorithm `{name}`; choose one of {}", known.join(", ")),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (name, algorithm) in NAMES {
            assert_eq!(name.parse::<Algorithm>().unwrap(), algorithm);
            assert_eq!(algorithm.to_string().parse::<Algorithm>().unwrap(), algorithm);
        }
        assert_eq!(Algorithm::default().to_string(), "dapo");
        assert_eq!("multi_step_grpo".parse::<Algorithm>().unwrap().to_string(), "grpo");
        let message = "ppo".parse::<Algorithm>().unwrap_err().to_string();
        assert!(message.contains("no algorithm `ppo`; choose one of dapo, grpo"), "{message}");
    }
}
