//! What a rollout is worth: its reward, and what else is to count.

use std::collections::{BTreeMap, BTreeSet};

use super::lineage::Slots;
use crate::{
    candidate::SlotValue,
    error::{Error, ErrorKind, Result},
    rollout::Record,
    strategy::measure::{MEASURES, measure},
    text::did_you_mean,
};

/// Characters of all that a candidate says: the objective that is no rollout's but its candidate's.
pub(super) const LENGTH: &str = "length";
/// What grows with the texts.
const OF_TEXT: [&str; 3] = [LENGTH, "tokens", "usd"];
/// Worths are whole multiples of the inverse: sums of other parts that are equal by right must not differ in their last bits.
const GRAIN: f64 = 1e9;

/// What counts besides the reward, and the worst that was seen of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Objectives(Vec<Objective>);

/// Something that counts besides the reward.
#[derive(Clone, Debug)]
pub(super) struct Objective {
    pub(super) name: String,
    pub(super) weight: f64,
    /// The least that it has added to a rollout so far.
    least: Option<f64>,
}

impl Objectives {
    /// Those of `weights` that are not switched off by a weight of 0.
    pub(super) fn new(weights: &BTreeMap<String, f64>) -> Self {
        let counting = weights.iter().filter(|(_, weight)| **weight != 0.0);
        Self(counting.map(|(name, weight)| Objective::new(name, *weight)).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether less text is worth something by itself.
    pub(super) fn want_less(&self) -> bool {
        self.0.iter().any(|one| one.weight < 0.0 && OF_TEXT.contains(&one.name.as_str()))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Objective> {
        self.0.iter()
    }

    /// Learns from a scored rollout of a candidate of this `length` how little an objective can add; returns whether it was less
    /// than ever before.
    pub(super) fn learn(&mut self, record: &Record, length: usize) -> bool {
        let mut learnt = false;
        for objective in &mut self.0 {
            let Some(part) = objective.part(record, length) else { continue };
            if objective.least.is_none_or(|least| part < least) {
                (objective.least, learnt) = (Some(part), true);
            }
        }
        learnt
    }

    /// What a rollout with this `reward` is worth. What is not known of it counts as the worst that was seen: else it would pay
    /// to leave it out.
    pub(super) fn worth(&self, reward: f64, record: &Record, length: usize) -> f64 {
        if self.0.is_empty() {
            return reward;
        }
        let part = |one: &Objective| one.part(record, length).or(one.least).unwrap_or_default();
        let worth = reward + self.0.iter().map(part).sum::<f64>();
        (worth * GRAIN).round() / GRAIN
    }

    /// Refuses objectives that no scored rollout of the seed has; says nothing where none was scored.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] that lists those that there are.
    pub(super) fn check(&self, records: &[&Record]) -> Result<()> {
        let lacks = |one: &&Objective| records.iter().all(|record| one.value(record, 0).is_none());
        let Some(lacking) = self.0.iter().find(lacks).filter(|_| !records.is_empty()) else { return Ok(()) };
        let name = &lacking.name;
        if name == "usd" {
            let message = "strategy.prompt.objectives.usd: no rollout of the seed has a known cost: add `price = { input = …, output = … }` to its [models.NAME], or weigh `tokens`";
            return Err(Error::new(ErrorKind::Config, message));
        }
        let metrics: BTreeSet<&str> =
            records.iter().flat_map(|record| record.metrics.keys()).map(String::as_str).collect();
        let built_in = MEASURES.into_iter().filter(|one| *one != "seconds").chain([LENGTH]);
        let hint = did_you_mean(name, metrics.into_iter().chain(built_in));
        let message = format!(
            "strategy.prompt.objectives.{name}: no rollout of the seed has a metric of this name; {hint}; a judge gives metrics with Reward::metric"
        );
        Err(Error::new(ErrorKind::Config, message))
    }
}

impl Objective {
    fn new(name: &str, weight: f64) -> Self {
        Self { name: name.to_owned(), weight, least: None }
    }

    /// Its value of a rollout of a candidate of this `length`; `None` where it is not known.
    #[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^53")]
    pub(super) fn value(&self, record: &Record, length: usize) -> Option<f64> {
        match self.name.as_str() {
            LENGTH => Some(length as f64),
            name => measure(record, name),
        }
    }

    /// What it adds to the reward.
    fn part(&self, record: &Record, length: usize) -> Option<f64> {
        self.value(record, length).map(|value| self.weight * value).filter(|part| part.is_finite())
    }
}

/// Characters of all texts and worked examples in `slots`.
pub(super) fn length(slots: &Slots) -> usize {
    let count = |text: &str| text.chars().count();
    let value = |value: &SlotValue| match value {
        SlotValue::Prompt(text) => count(text),
        SlotValue::Demos(demos) => demos.iter().map(|demo| count(&demo.input) + count(&demo.output)).sum(),
        _ => 0,
    };
    slots.values().map(value).sum()
}

/// Every weight that cannot be, with the remedy.
pub(super) fn faults(weights: &BTreeMap<String, f64>) -> Vec<String> {
    let fault = |(name, weight): (&String, &f64)| {
        match name.as_str() {
        "reward" => Some("objectives.reward: the reward always counts, with weight 1: weigh the others against it".to_owned()),
        "seconds" => Some(
            "objectives.seconds: the same rollout never takes the same time, so a resumed run would decide otherwise: weigh `calls` or `tokens`"
                .to_owned(),
        ),
        _ if !weight.is_finite() => Some(format!("objectives.{name} is {weight}, but must be a finite number, negative where less is better")),
        _ => None,
    }
    };
    weights.iter().filter_map(fault).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn weights(weights: &[(&str, f64)]) -> BTreeMap<String, f64> {
        weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
    }

    fn record(metrics: &serde_json::Value) -> Record {
        serde_json::from_value(json!({
            "candidate": "p1", "task_id": "1", "attempt": 0, "status": "scored", "reward": 0.5, "metrics": metrics, "seconds": 1.0,
            "spent": {"calls": 2, "usage": {"input_tokens": 90, "output_tokens": 10}, "usd": 0.02}
        }))
        .unwrap()
    }

    #[test]
    fn worth_is_the_reward_plus_weights_times_values() {
        let objectives = Objectives::new(&weights(&[
            ("brevity", 0.5),
            ("calls", -0.1),
            ("length", -0.001),
            ("off", 0.0),
            ("tokens", -0.002),
        ]));
        // 0.8 + 0.5 · 0.4 - 0.1 · 2 - 0.001 · 50 - 0.002 · 100
        let worth = objectives.worth(0.8, &record(&json!({"brevity": 0.4, "off": 7.0})), 50);
        assert_eq!(worth, 0.55);
        // Without objectives the reward is untouched, to its last bit.
        assert_eq!(Objectives::default().worth(0.1 + 0.2, &record(&json!({})), 50), 0.1 + 0.2);
    }

    #[test]
    fn to_leave_a_metric_out_never_pays() {
        let mut objectives = Objectives::new(&weights(&[("words", -0.1)]));
        let without = record(&json!({}));
        assert_eq!(objectives.worth(1.0, &without, 0), 1.0);
        assert!(objectives.learn(&record(&json!({"words": 4.0})), 0));
        assert!(!objectives.learn(&record(&json!({"words": 2.0})), 0) && !objectives.learn(&without, 0));
        assert_eq!(objectives.worth(1.0, &without, 0), 0.6);
        assert!(objectives.learn(&record(&json!({"words": 7.0})), 0));
        assert_eq!(objectives.worth(1.0, &without, 0), 0.3);
    }

    #[test]
    fn what_some_rollout_has_is_fine_and_where_none_was_scored_nothing_is_known() {
        let objectives = Objectives::new(&weights(&[("words", -0.1), ("length", -1.0)]));
        let (with, without) = (record(&json!({"words": 4.0})), record(&json!({"wards": 1.0})));
        assert!(objectives.check(&[&without, &with]).is_ok() && objectives.check(&[]).is_ok());
        let error = objectives.check(&[&without]).unwrap_err().to_string();
        assert!(error.contains("`words`") || error.contains("objectives.words"), "{error}");
        assert!(error.contains("wards, calls, tokens, usd, length"), "{error}");
        let mut unpriced = record(&json!({}));
        unpriced.spent.unpriced_calls = 1;
        let error = Objectives::new(&weights(&[("usd", -1.0)])).check(&[&unpriced]).unwrap_err().to_string();
        assert!(error.contains("price = "), "{error}");
    }
}
