//! What a judge returns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

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
