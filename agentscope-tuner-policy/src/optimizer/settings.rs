//! The settings of the optimiser and the course of its learning rate.

use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};

/// AdamW (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2) with a bound on the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWSettings {
    /// Decay of the mean of gradients and of the mean of their squares, each in 0..1.
    pub betas: (f64, f64),
    /// Added to the root of the mean square, above 0.
    pub epsilon: f64,
    /// Share of a matrix that a step takes away, times the learning rate. Norms and biases are spared.
    pub weight_decay: f64,
    /// Gradients whose Euclidean norm, over all parameters, is larger are scaled down to it; none to leave them alone.
    pub max_grad_norm: Option<f64>,
}

impl Default for AdamWSettings {
    fn default() -> Self {
        Self { betas: (0.9, 0.99), epsilon: 1e-8, weight_decay: 0.0, max_grad_norm: Some(1.0) }
    }
}

impl AdamWSettings {
    /// # Errors
    /// Lists every setting that is out of range, with its range.
    pub fn check(&self) -> Result<()> {
        let share = |value: f64| (0.0..1.0).contains(&value);
        let positive = |value: f64| value > 0.0 && value.is_finite();
        report(&[
            (share(self.betas.0) && share(self.betas.1), "betas must lie in 0..1"),
            (positive(self.epsilon), "epsilon must be positive"),
            (self.weight_decay >= 0.0 && self.weight_decay.is_finite(), "weight_decay must be 0 or more"),
            (self.max_grad_norm.is_none_or(positive), "max_grad_norm must be positive, or none"),
        ])
    }
}

/// The course of the learning rate after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decay {
    /// It stays.
    #[default]
    Constant,
    /// It falls along half a cosine wave to the floor at the last step.
    Cosine,
    /// It falls evenly to the floor at the last step.
    Linear,
}

impl FromStr for Decay {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "constant" => Ok(Self::Constant),
            "cosine" => Ok(Self::Cosine),
            "linear" => Ok(Self::Linear),
            _ => Err(Error::new(
                ErrorKind::Config,
                format!("there is no schedule `{name}`; choose one of constant, cosine, linear"),
            )),
        }
    }
}

/// The learning rate of each step, a function of its number alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The highest rate, above 0.
    pub learning_rate: f64,
    /// Steps over which the rate rises evenly to it.
    pub warmup_steps: u64,
    /// What follows.
    pub decay: Decay,
    /// All steps, those of the warm-up too; only a falling rate reads it.
    pub total_steps: u64,
    /// The share of the highest rate that a falling rate never goes below, in 0..=1.
    pub floor: f64,
}

impl Schedule {
    /// The same rate at every step.
    pub fn constant(learning_rate: f64) -> Self {
        Self { learning_rate, warmup_steps: 0, decay: Decay::Constant, total_steps: 0, floor: 0.0 }
    }

    /// # Errors
    /// Lists every setting that is out of range, with its range.
    pub fn check(&self) -> Result<()> {
        let falls = self.decay != Decay::Constant;
        report(&[
            (self.learning_rate > 0.0 && self.learning_rate.is_finite(), "learning_rate must be positive"),
            ((0.0..=1.0).contains(&self.floor), "floor must lie in 0..=1"),
            (!falls || self.total_steps > self.warmup_steps, "total_steps must be more than warmup_steps"),
        ])
    }

    /// The rate of step `step`, counted from 0.
    pub fn at(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.learning_rate * step as f64 / self.warmup_steps as f64;
        }
        let length = self.total_steps.saturating_sub(self.warmup_steps).max(1);
        let progress = ((step - self.warmup_steps) as f64 / length as f64).min(1.0);
        let share = match self.decay {
            Decay::Constant => return self.learning_rate,
            Decay::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
            Decay::Linear => 1.0 - progress,
        };
        self.learning_rate * (self.floor + (1.0 - self.floor) * share)
    }
}

fn report(checks: &[(bool, &str)]) -> Result<()> {
    let faults: Vec<_> = checks.iter().filter(|(holds, _)| !holds).map(|(_, fault)| *fault).collect();
    match faults.is_empty() {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Config, faults.join("; "))),
    }
}
