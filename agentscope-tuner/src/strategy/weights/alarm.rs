//! Signs that training goes wrong, each with its likely cause.

use serde::{Deserialize, Serialize};

/// Steps that the beginning of training is taken to be.
const FIRST: usize = 5;
/// Steps that are looked back on.
const LAST: usize = 20;
/// Steps without a signal after which the run ends.
const SILENT: usize = 10;

/// What alarms look at, of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Glance {
    /// Mean reward.
    pub(super) reward: f64,
    /// Share of groups whose rewards are all equal.
    pub(super) flat: f64,
    /// Tokens sampled.
    pub(super) sampled: usize,
    /// Tokens trained.
    pub(super) trained: usize,
    /// Share of rollouts with an answer that was cut off.
    pub(super) truncated: f64,
    /// Mean tokens of a rollout.
    pub(super) length: f64,
    /// Mean entropy in nats a token.
    pub(super) entropy: Option<f64>,
    /// Mean divergence from the reference in nats a token.
    pub(super) kl: Option<f64>,
    /// Share of ratios that were clipped.
    pub(super) clipped: Option<f64>,
}

/// The first steps and the last ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct History {
    first: Vec<Glance>,
    last: Vec<Glance>,
}

/// Something that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Alarm {
    /// Going on is of no use.
    Stop(String),
    /// It may still turn out well.
    Warn(String),
}

impl History {
    /// Takes note of a step; says what is wrong with it.
    pub(super) fn note(&mut self, glance: Glance) -> Vec<Alarm> {
        if self.first.len() < FIRST {
            self.first.push(glance);
        }
        self.last.push(glance);
        if self.last.len() > LAST {
            self.last.remove(0);
        }
        let warnings = [self.entropy(), self.length(), divergence(&glance), clipping(&glance)];
        let warnings = warnings.into_iter().flatten().map(Alarm::Warn);
        self.silence().map(Alarm::Stop).into_iter().chain(warnings).collect()
    }

    /// Whether rewards in training rose over the last steps.
    pub(super) fn rises(&self) -> bool {
        let (before, after) = self.last.split_at(self.last.len() / 2);
        self.last.len() >= 4 && mean(after, |one| one.reward) > mean(before, |one| one.reward) + 0.01
    }

    fn silence(&self) -> Option<String> {
        let recent = self.last.get(self.last.len().checked_sub(SILENT)?..)?;
        if recent.iter().all(|one| one.sampled == 0) {
            return Some(format!(
                "no call of the tuned slot was made in {SILENT} steps: does the workflow use another slot's model?"
            ));
        }
        if recent.iter().any(|one| one.trained > 0) {
            return None;
        }
        if recent.iter().all(|one| one.flat >= 1.0) {
            let reward = mean(recent, |one| one.reward);
            return Some(format!(
                "in {SILENT} steps all rollouts of each row had equal rewards (mean {reward:.3}), so there was nothing to learn: the task is too hard or too easy for this model, or the judge is constant; warm-start it, choose other rows, or raise group-size or temperature"
            ));
        }
        if recent.iter().all(|one| one.truncated >= 1.0) {
            return Some(format!(
                "in {SILENT} steps every answer was cut off, and what is cut off is not trained: raise max-tokens"
            ));
        }
        Some(format!(
            "no token was trained in {SILENT} steps: `run` shows what the workflow and the judge make of one row"
        ))
    }

    fn entropy(&self) -> Option<String> {
        let now = self.last.last()?.entropy?;
        let first = self.beginning(|one| one.entropy)?;
        // Who has found what is right may be sure of it.
        let pays = self.last.last()?.reward > self.beginning(|one| Some(one.reward))? + 0.05;
        (now < 0.05 * first && now < 0.01 && !pays).then(|| {
            format!(
                "entropy fell from {first:.3} to {now:.4}: the policy says the same whatever is asked; lower the learning rate or set entropy-coef"
            )
        })
    }

    fn length(&self) -> Option<String> {
        let now = self.last.last()?.length;
        let first = self.beginning(|one| Some(one.length))?;
        let grown = now > 4.0 * first;
        let shrunk = now < first / 4.0;
        (first > 0.0 && (grown || shrunk)).then(|| {
            format!(
                "answers went from {first:.0} to {now:.0} tokens: look whether the judge is fooled by {}",
                if grown { "length (overlong penalises it)" } else { "empty answers" }
            )
        })
    }

    /// The mean of the first steps, once there are others.
    fn beginning(&self, of: impl Fn(&Glance) -> Option<f64>) -> Option<f64> {
        let values: Vec<f64> = self.first.iter().filter_map(of).collect();
        let enough = self.first.len() == FIRST && !values.is_empty();
        enough.then(|| values.iter().sum::<f64>() / values.len() as f64)
    }
}

fn divergence(glance: &Glance) -> Option<String> {
    let kl = glance.kl.filter(|kl| *kl > 1.0)?;
    Some(format!(
        "the policy is {kl:.2} nats a token away from the reference: raise beta or lower the learning rate"
    ))
}

fn clipping(glance: &Glance) -> Option<String> {
    let clipped = glance.clipped.filter(|share| *share > 0.3)?;
    Some(format!(
        "{:.0} % of the ratios were clipped: the steps of an update are too large; lower the learning rate or updates",
        100.0 * clipped
    ))
}

fn mean(glances: &[Glance], of: impl Fn(&Glance) -> f64) -> f64 {
    glances.iter().map(of).sum::<f64>() / glances.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> Glance {
        let entropy = Some(1.0);
        Glance {
            reward: 0.5,
            flat: 0.2,
            sampled: 100,
            trained: 80,
            length: 10.0,
            entropy,
            ..Glance::default()
        }
    }

    fn after(steps: usize, glance: Glance) -> Vec<Alarm> {
        let mut history = History::default();
        (0..FIRST).for_each(|_| assert_eq!(history.note(well()), []));
        (0..steps).flat_map(|_| history.note(glance)).collect()
    }

    fn said(alarms: &[Alarm]) -> &str {
        match alarms {
            [Alarm::Stop(text) | Alarm::Warn(text), ..] => text,
            [] => "",
        }
    }

    #[test]
    fn a_run_without_a_signal_ends_with_the_cause() {
        let silent = Glance { trained: 0, ..well() };
        assert_eq!(after(SILENT - 1, silent), []);
        let cases = [
            (Glance { sampled: 0, ..silent }, "another slot"),
            (Glance { flat: 1.0, ..silent }, "warm-start"),
            (Glance { truncated: 1.0, ..silent }, "max-tokens"),
            (silent, "`run`"),
        ];
        for (glance, cause) in cases {
            let alarms = after(SILENT, glance);
            assert!(matches!(&alarms[..], [Alarm::Stop(text)] if text.contains(cause)), "{alarms:?}");
        }
    }

    #[test]
    fn collapse_is_said() {
        assert_eq!(after(30, well()), []);
        assert!(said(&after(1, Glance { entropy: Some(0.001), ..well() })).contains("entropy fell"));
        assert!(said(&after(1, Glance { length: 60.0, ..well() })).contains("fooled by length"));
        assert!(said(&after(1, Glance { length: 1.0, ..well() })).contains("empty answers"));
        assert!(said(&after(1, Glance { kl: Some(3.0), ..well() })).contains("reference"));
        assert!(said(&after(1, Glance { clipped: Some(0.5), ..well() })).contains("clipped"));
    }

    #[test]
    fn a_rise_of_training_rewards_is_seen() {
        let mut history = History::default();
        for step in 0..20 {
            history.note(Glance { reward: f64::from(step) / 20.0, ..well() });
        }
        assert!(history.rises());
        (0..20).for_each(|_| drop(history.note(well())));
        assert!(!history.rises());
    }
}
