//! Tokens and money.

use std::{
    fmt,
    iter::Sum,
    ops::{Add, AddAssign},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tokens of one call, or of several added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens of the requests, cached ones included.
    pub input_tokens: u64,
    /// Tokens of the answers, reasoning included.
    pub output_tokens: u64,
    /// Those of the input that the provider had in its prompt cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cached_tokens: u64,
    /// Those of the output that are reasoning.
    #[serde(skip_serializing_if = "is_zero")]
    pub reasoning_tokens: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(tokens: &u64) -> bool {
    *tokens == 0
}

impl Usage {
    /// Input and output together.
    pub fn total(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
            reasoning_tokens: self.reasoning_tokens.saturating_add(other.reasoning_tokens),
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// What a model costs, in USD per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Price {
    /// Input tokens.
    pub input: f64,
    /// Output tokens.
    pub output: f64,
    /// Input tokens from the provider's prompt cache; as `input` when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<f64>,
}

impl Price {
    /// Of models that nobody is paid for.
    pub const FREE: Self = Self { input: 0.0, output: 0.0, cached_input: None };

    /// What `usage` costs, rounded to the picodollar.
    pub fn of(&self, usage: &Usage) -> Usd {
        let cached = usage.cached_tokens.min(usage.input_tokens);
        let fresh = usage.input_tokens - cached;
        Usd::per_million(self.input, fresh)
            + Usd::per_million(self.cached_input.unwrap_or(self.input), cached)
            + Usd::per_million(self.output, usage.output_tokens)
    }

    /// Prices that are no money, by name.
    pub fn faults(&self) -> Vec<String> {
        [("input", Some(self.input)), ("output", Some(self.output)), ("cached-input", self.cached_input)]
            .into_iter()
            .filter_map(|(name, price)| price.map(|price| (name, price)))
            .filter(|(_, price)| !price.is_finite() || *price < 0.0)
            .map(|(name, price)| format!("price.{name} is {price}, but must be at least 0"))
            .collect()
    }
}

/// An amount of money, exact to 10⁻¹² dollars, so that a sum does not depend on its order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "f64", into = "f64")]
pub struct Usd(u64);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    const PICO: f64 = 1e12;

    /// `dollars`, at least 0; NaN is nothing, more than 18 million saturates.
    pub fn new(dollars: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, NaN is 0"
        )]
        Self((dollars * Self::PICO).round() as u64)
    }

    /// `tokens` at `price` dollars a million.
    pub fn per_million(price: f64, tokens: u64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, NaN is 0"
        )]
        let each = (price * (Self::PICO / 1e6)).round() as u64;
        Self(each.saturating_mul(tokens))
    }

    /// As a number of dollars.
    #[expect(clippy::cast_precision_loss, reason = "amounts over 9,007 dollars lose picodollars only")]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / Self::PICO
    }

    /// As a whole number of 10⁻¹² dollars.
    pub fn picodollars(self) -> u64 {
        self.0
    }

    /// From a whole number of 10⁻¹² dollars.
    pub fn from_picodollars(pico: u64) -> Self {
        Self(pico)
    }

    /// The difference, or nothing when `other` is more.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl From<f64> for Usd {
    fn from(dollars: f64) -> Self {
        Self::new(dollars)
    }
}

impl From<Usd> for f64 {
    fn from(amount: Usd) -> Self {
        amount.dollars()
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dollars() {
            dollars if dollars >= 1.0 || self.0 == 0 => write!(f, "${dollars:.2}"),
            dollars if dollars >= 0.0001 => write!(f, "${dollars:.4}"),
            dollars => write!(f, "${dollars:.6}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_exact() {
        let price = Price { input: 0.0375, output: 0.15, cached_input: Some(0.01) };
        let usage =
            Usage { input_tokens: 1_000_000, cached_tokens: 200_000, output_tokens: 3, ..Usage::default() };
        // 800,000 x 0.0375/M + 200,000 x 0.01/M + 3 x 0.15/M
        assert_eq!(price.of(&usage).picodollars(), 30_000_000_000 + 2_000_000_000 + 450_000);
    }

    #[test]
    fn a_sum_does_not_depend_on_its_order() {
        let amounts = [0.1, 0.2, 0.3, 1e-9].map(Usd::new);
        let backwards: Usd = amounts.iter().rev().copied().sum();
        assert_eq!(amounts.into_iter().sum::<Usd>(), backwards);
        assert_eq!(backwards.to_string(), "$0.6000");
    }

    #[test]
    fn faults_are_named() {
        let price = Price { input: -1.0, output: f64::NAN, cached_input: None };
        assert_eq!(price.faults().len(), 2);
    }
}
