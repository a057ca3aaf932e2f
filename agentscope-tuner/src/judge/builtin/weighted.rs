//! Several rewards as one.

use std::collections::BTreeSet;

use crate::{
    error::{Error, ErrorKind, Result},
    judge::Reward,
};

/// A weighted sum of named rewards.
///
/// ```
/// use agentscope_tuner::judge::{Reward, builtin::Weighted};
/// let sum = Weighted::new([("right", 0.7), ("short", 0.3)])?;
/// let reward = sum.combine([Some(Reward::new(1.0)), Some(Reward::new(0.0))])?.unwrap();
/// assert_eq!(reward.value, 0.7);
/// # Ok::<(), agentscope_tuner::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Weighted(Vec<(String, f64)>);

impl Weighted {
    /// Parts with their weights, which need not add up to 1; a negative weight is a penalty.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every fault: no part, two parts of one name, a weight that is 0 or not finite.
    pub fn new<N: Into<String>>(parts: impl IntoIterator<Item = (N, f64)>) -> Result<Self> {
        let parts: Vec<_> = parts.into_iter().map(|(name, weight)| (name.into(), weight)).collect();
        let mut faults = Vec::new();
        if parts.is_empty() {
            faults.push("a weighted judge has no part: name at least one".to_owned());
        }
        let mut names = BTreeSet::new();
        for (name, weight) in &parts {
            if !names.insert(name) {
                faults.push(format!("two parts are named `{name}`: rename one"));
            }
            if !weight.is_finite() || *weight == 0.0 {
                faults.push(format!(
                    "the weight of `{name}` is {weight}, but must be a finite number other than 0"
                ));
            }
        }
        if faults.is_empty() {
            Ok(Self(parts))
        } else {
            Err(Error::new(ErrorKind::Config, faults.join("\n")))
        }
    }

    /// The parts and their weights.
    pub fn parts(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, weight)| (name.as_str(), *weight))
    }

    /// Σ weight · value over the parts that have a reward, which come in the order of the parts; `None` when none has.
    ///
    /// A part without a reward adds nothing, and the other weights stay as they are (as TRL does with several reward
    /// functions). Metrics: each part's value under its name, and its metrics under `part.metric`. Feedback: a line a
    /// part.
    ///
    /// # Errors
    /// [`ErrorKind::Judge`] when there are more or fewer rewards than parts.
    pub fn combine(&self, rewards: impl IntoIterator<Item = Option<Reward>>) -> Result<Option<Reward>> {
        let rewards: Vec<_> = rewards.into_iter().collect();
        if rewards.len() != self.0.len() {
            let (parts, given) = (self.0.len(), rewards.len());
            let message = format!(
                "a weighted judge of {parts} parts was given {given} rewards: give one, or `None`, for each"
            );
            return Err(Error::new(ErrorKind::Judge, message));
        }
        let scored = self.0.iter().zip(rewards).filter_map(|(part, reward)| Some((part, reward?)));
        Ok(scored.fold(None, |sum, ((name, weight), reward)| {
            Some(added(sum.unwrap_or_default(), name, *weight, reward))
        }))
    }
}

fn added(mut sum: Reward, name: &str, weight: f64, part: Reward) -> Reward {
    sum.value += weight * part.value;
    sum.metrics.insert(name.to_owned(), part.value);
    sum.metrics.extend(part.metrics.into_iter().map(|(metric, value)| (format!("{name}.{metric}"), value)));
    let line = part.feedback.map(|feedback| format!("{name}: {feedback}"));
    sum.feedback = match (sum.feedback, line) {
        (Some(all), Some(line)) => Some(format!("{all}\n{line}")),
        (all, line) => all.or(line),
    };
    sum
}
