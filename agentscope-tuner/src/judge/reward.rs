//! What a judge returns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{BoxError, Error, ErrorKind, Result};

/// How good a response is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reward {
    /// More is better; any finite number, most often in [0, 1].
    pub value: f64,
    /// Anything else worth counting, each a finite number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// Why, in words: what the prompt optimiser learns from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<String>,
}

impl Reward {
    /// A reward of `value` without metrics or feedback.
    pub fn new(value: f64) -> Self {
        Self { value, ..Self::default() }
    }

    /// The same with one more metric.
    #[must_use]
    pub fn metric(mut self, name: impl Into<String>, value: f64) -> Self {
        self.metrics.insert(name.into(), value);
        self
    }

    /// The same with a reason in words.
    #[must_use]
    pub fn feedback(mut self, feedback: impl Into<String>) -> Self {
        self.feedback = Some(feedback.into());
        self
    }

    /// The same reward, or an error that names the number that is not finite.
    pub(crate) fn checked(self) -> Result<Self> {
        let numbers = self.metrics.iter().map(|(name, value)| (name.as_str(), *value));
        let bad =
            std::iter::once(("reward", self.value)).chain(numbers).find(|(_, value)| !value.is_finite());
        match bad {
            None => Ok(self),
            Some((name, value)) => Err(Error::new(
                ErrorKind::Judge,
                format!(
                    "`{name}` is {value}, but must be a finite number: guard the division or logarithm that made it"
                ),
            )),
        }
    }
}

impl From<bool> for Reward {
    fn from(right: bool) -> Self {
        Self::new(f64::from(u8::from(right)))
    }
}

impl From<f64> for Reward {
    fn from(value: f64) -> Self {
        Self::new(value)
    }
}

/// The return types of judges: `bool`, `f64`, [`Reward`], or a `Result` of one of them.
#[diagnostic::on_unimplemented(
    message = "a judge cannot return `{Self}`",
    label = "not a reward",
    note = "return `bool`, `f64`, `Reward`, or a `Result` of one of them whose error converts into `Box<dyn Error + Send + Sync>`"
)]
pub trait JudgeReturn {
    /// As a reward.
    ///
    /// # Errors
    /// The judge's own error, or that a number is not finite.
    fn into_reward(self) -> Result<Reward>;
}

/// What can stand inside the `Result` of a judge.
#[diagnostic::on_unimplemented(
    message = "a judge cannot return a `Result` of `{Self}`",
    note = "inside the `Result` of a judge stands `bool`, `f64` or `Reward`"
)]
pub trait JudgeValue: Into<Reward> {}

impl JudgeValue for bool {}
impl JudgeValue for f64 {}
impl JudgeValue for Reward {}

impl JudgeReturn for bool {
    fn into_reward(self) -> Result<Reward> {
        Ok(self.into())
    }
}

impl JudgeReturn for f64 {
    fn into_reward(self) -> Result<Reward> {
        Reward::new(self).checked()
    }
}

impl JudgeReturn for Reward {
    fn into_reward(self) -> Result<Reward> {
        self.checked()
    }
}

impl<T: JudgeValue, E: Into<BoxError>> JudgeReturn for Result<T, E> {
    fn into_reward(self) -> Result<Reward> {
        self.map_err(Error::other)?.into().checked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_return_type_becomes_a_reward() {
        assert_eq!(true.into_reward().unwrap().value, 1.0);
        assert_eq!(0.25.into_reward().unwrap().value, 0.25);
        assert_eq!(Ok::<_, String>(false).into_reward().unwrap().value, 0.0);
        assert!(Err::<bool, _>("no reference").into_reward().is_err());
    }

    #[test]
    fn a_number_that_is_not_finite_is_named() {
        let error = Reward::new(1.0).metric("f1", f64::NAN).into_reward().unwrap_err();
        assert!(error.to_string().contains("`f1` is NaN"), "{error}");
        assert!(f64::INFINITY.into_reward().is_err());
    }
}
