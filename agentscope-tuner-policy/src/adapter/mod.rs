//! Low-rank adapters: made, kept in PEFT's layout, merged into the weights that they sit on.

mod files;
mod init;
mod merge;
mod peft;
mod places;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

pub use merge::merge;

use crate::error::{Error, ErrorKind, Result};

/// A linear layer of a block, by PEFT's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Module {
    /// `q_proj`.
    Query,
    /// `k_proj`.
    Key,
    /// `v_proj`.
    Value,
    /// `o_proj`.
    Output,
    /// `gate_proj`.
    Gate,
    /// `up_proj`.
    Up,
    /// `down_proj`.
    Down,
}

impl Module {
    /// Every linear layer of a block.
    pub const ALL: [Self; 7] =
        [Self::Query, Self::Key, Self::Value, Self::Output, Self::Gate, Self::Up, Self::Down];

    /// The name in `target_modules`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "q_proj",
            Self::Key => "k_proj",
            Self::Value => "v_proj",
            Self::Output => "o_proj",
            Self::Gate => "gate_proj",
            Self::Up => "up_proj",
            Self::Down => "down_proj",
        }
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Module {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|module| module.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            config(format!("`{name}` is no linear layer that can be adapted; choose from {known}"))
        })
    }
}

/// The shape of a model's adapters.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraConfig {
    /// Rank r of each adapter.
    pub rank: usize,
    /// α: the adapter's output is scaled by α / r.
    pub alpha: f64,
    /// Scale by α / √r instead (Kalajdzievski, arXiv 2312.03732).
    pub rslora: bool,
    /// The layers that are adapted, in every block.
    pub targets: Vec<Module>,
}

impl Default for LoraConfig {
    /// Rank 16 and α 32 on all linear layers.
    fn default() -> Self {
        Self { rank: 16, alpha: 32.0, rslora: false, targets: Module::ALL.to_vec() }
    }
}

impl LoraConfig {
    /// What the output of an adapter is multiplied by.
    pub fn scale(&self) -> f64 {
        let rank = self.rank as f64;
        self.alpha / if self.rslora { rank.sqrt() } else { rank }
    }

    /// # Errors
    /// Lists every setting that is out of range.
    pub fn check(&self) -> Result<()> {
        let checks = [
            (self.rank > 0, "the rank of an adapter must be 1 or more; 16 is usual"),
            (
                self.alpha.is_finite() && self.alpha > 0.0,
                "the alpha of an adapter must be positive; twice the rank is usual",
            ),
            (!self.targets.is_empty(), "an adapter needs at least one target module, such as q_proj"),
        ];
        let faults: Vec<_> = checks.iter().filter(|(holds, _)| !holds).map(|(_, fault)| *fault).collect();
        match faults.is_empty() {
            true => Ok(()),
            false => Err(config(faults.join("; "))),
        }
    }
}

fn config(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}

fn weights(message: String) -> Error {
    Error::new(ErrorKind::Weights, message)
}
