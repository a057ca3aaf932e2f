//! What is to be large.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{rollout::Record, strategy::measure::measure};

const REWARD: &str = "reward";

/// A weighted sum of what is known of a rollout; more is better, so what is to be small has a negative weight.
///
/// The names are `reward`, `calls`, `tokens`, `usd` and `seconds`; any other is a metric of the workflow or the judge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Written", into = "BTreeMap<String, f64>")]
pub struct Objective(BTreeMap<String, f64>);

impl Default for Objective {
    fn default() -> Self {
        Self::named("quality")
    }
}

impl Objective {
    /// `quality`, `cost`, `tokens`, `time`, or a metric that is to be large.
    pub fn named(name: &str) -> Self {
        let (name, weight) = match name {
            "quality" => (REWARD, 1.0),
            "cost" => ("usd", -1.0),
            "tokens" => ("tokens", -1.0),
            "time" => ("seconds", -1.0),
            metric => (metric, 1.0),
        };
        Self(BTreeMap::from([(name.to_owned(), weight)]))
    }

    /// A sum with these weights, finite and not all 0.
    pub fn weighted(weights: BTreeMap<String, f64>) -> Self {
        Self(weights)
    }

    /// Whether the reward alone counts.
    pub fn is_quality(&self) -> bool {
        self.0.len() == 1 && self.0.get(REWARD) == Some(&1.0)
    }

    /// Weights that no sum can be made of, in words.
    pub fn fault(&self) -> Option<String> {
        let usable =
            self.0.values().all(|weight| weight.is_finite()) && self.0.values().any(|one| *one != 0.0);
        (!usable).then(|| "objective needs finite weights that are not all 0".to_owned())
    }

    /// The weight of the reward, and the sum of all else; `None` where a part is not known of this rollout.
    pub(super) fn parts(&self, record: &Record) -> Option<(f64, f64)> {
        let mut sum = (0.0, 0.0);
        for (name, weight) in &self.0 {
            match name.as_str() {
                REWARD => sum.0 += weight,
                name => sum.1 += weight * measure(record, name)?,
            }
        }
        Some(sum)
    }
}

/// As it stands in `tuner.toml`: a name, or a table of weights.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Written {
    Name(String),
    Weights(BTreeMap<String, f64>),
}

impl From<Written> for Objective {
    fn from(written: Written) -> Self {
        match written {
            Written::Name(name) => Self::named(&name),
            Written::Weights(weights) => Self(weights),
        }
    }
}

impl From<Objective> for BTreeMap<String, f64> {
    fn from(objective: Objective) -> Self {
        objective.0
    }
}
