//! From the rewards of a batch to advantages: how much better each rollout was than its peers.

use super::{Algorithm, rows::numeric};
use crate::error::{Error, ErrorKind, Result};

/// What a reward is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Baseline {
    /// The mean of its group (Shao et al., arXiv 2402.03300).
    #[default]
    Group,
    /// The mean of the others of its group (Ahmadian et al., arXiv 2402.14740).
    LeaveOneOut,
    /// The mean of the batch (Williams, 1992).
    Batch,
}

/// What a difference is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// The standard deviation of the group's rewards.
    #[default]
    Group,
    /// The standard deviation of the batch's rewards (arXiv 2508.08221).
    Batch,
    /// Nothing: hard and easy tasks weigh the same (arXiv 2503.20783).
    None,
}

/// What a sum of squares is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deviation {
    /// n − 1, as TRL and verl.
    #[default]
    Sample,
    /// n.
    Population,
}

/// How advantages follow from rewards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdvantageSettings {
    /// What is subtracted.
    pub baseline: Baseline,
    /// What is divided by.
    pub scale: Scale,
    /// How that is measured.
    pub deviation: Deviation,
    /// Added to the divisor.
    pub epsilon: f64,
}

impl Default for AdvantageSettings {
    fn default() -> Self {
        let (baseline, scale, deviation) = (Baseline::Group, Scale::Group, Deviation::Sample);
        Self { baseline, scale, deviation, epsilon: 1e-4 }
    }
}

impl AdvantageSettings {
    /// What belongs to `algorithm`: rloo leaves one out, reinforce takes the batch's mean, and these two and dr_grpo do
    /// not scale.
    pub fn of(algorithm: Algorithm) -> Self {
        let (baseline, scale) = match algorithm {
            Algorithm::DrGrpo => (Baseline::Group, Scale::None),
            Algorithm::Rloo => (Baseline::LeaveOneOut, Scale::None),
            Algorithm::Reinforce => (Baseline::Batch, Scale::None),
            _ => (Baseline::Group, Scale::Group),
        };
        Self { baseline, scale, ..Self::default() }
    }
}

/// The advantages of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Advantages {
    /// In the order of the rewards; 0 where there was no reward.
    pub values: Vec<Vec<f64>>,
    /// Groups whose rewards are all equal. From a group's baseline they teach nothing.
    pub zero_variance: Vec<bool>,
}

impl Advantages {
    /// Share of groups that teach nothing; TRL's `frac_reward_zero_std`.
    pub fn zero_variance_share(&self) -> f64 {
        let equal = self.zero_variance.iter().filter(|equal| **equal).count();
        equal as f64 / self.zero_variance.len().max(1) as f64
    }
}

/// Advantages of the rewards of several groups, each the rollouts of one task. A reward of none (the judge could not say)
/// counts nowhere and gets an advantage of 0.
///
/// # Errors
/// When a reward is not finite, or a group of one rollout is to be compared within itself.
pub fn advantages(groups: &[Vec<Option<f64>>], settings: &AdvantageSettings) -> Result<Advantages> {
    check(groups, settings)?;
    let scored = |group: &[Option<f64>]| group.iter().copied().flatten().collect::<Vec<_>>();
    let all: Vec<f64> = groups.iter().flat_map(|group| scored(group)).collect();
    let batch = Spread::of(&all, settings.deviation);
    let mut result = Advantages { values: Vec::new(), zero_variance: Vec::new() };
    for rewards in groups {
        let group = Spread::of(&scored(rewards), settings.deviation);
        let divisor = match settings.scale {
            Scale::Group => group.deviation + settings.epsilon,
            Scale::Batch => batch.deviation + settings.epsilon,
            Scale::None => 1.0,
        };
        let difference = |reward: f64| match settings.baseline {
            Baseline::Group => reward - group.mean,
            Baseline::Batch => reward - batch.mean,
            Baseline::LeaveOneOut if group.count < 2.0 => 0.0,
            // r − (Σr − r)/(n − 1), without the sum's rounding.
            Baseline::LeaveOneOut => (reward - group.mean) * group.count / (group.count - 1.0),
        };
        let value = |reward: &Option<f64>| reward.map_or(0.0, |reward| difference(reward) / divisor);
        result.values.push(rewards.iter().map(value).collect());
        result.zero_variance.push(group.deviation <= 1e-8);
    }
    Ok(result)
}

/// Σ weight · reward over the judges that gave a reward; none where none did.
pub fn weighted_reward(rewards: &[Option<f64>], weights: &[f64]) -> Option<f64> {
    let given = rewards.iter().zip(weights).filter_map(|(reward, weight)| reward.map(|r| r * weight));
    given.fold(None, |sum, term| Some(sum.unwrap_or(0.0) + term))
}

fn check(groups: &[Vec<Option<f64>>], settings: &AdvantageSettings) -> Result<()> {
    for (index, group) in groups.iter().enumerate() {
        if let Some(reward) = group.iter().copied().flatten().find(|reward| !reward.is_finite()) {
            return Err(numeric(format!(
                "a reward of group {index} is {reward}; let the judge return a finite number"
            )));
        }
        if group.len() < 2 && settings.baseline != Baseline::Batch {
            return Err(Error::new(
                ErrorKind::Config,
                format!(
                    "group {index} has {} rollout, but a rollout is compared with its group; set the group size to 2 or more",
                    group.len()
                ),
            ));
        }
    }
    Ok(())
}

struct Spread {
    count: f64,
    mean: f64,
    deviation: f64,
}

impl Spread {
    fn of(values: &[f64], deviation: Deviation) -> Self {
        let count = values.len() as f64;
        let divisor = match deviation {
            Deviation::Sample => count - 1.0,
            Deviation::Population => count,
        };
        // Equal numbers have a deviation of exactly 0, whatever their mean rounds to.
        let equal = values.windows(2).all(|pair| pair[0] == pair[1]);
        let mean = match values.first() {
            Some(first) if equal => *first,
            _ => values.iter().sum::<f64>() / count.max(1.0),
        };
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { count, mean, deviation: if divisor > 0.0 { (squares / divisor).sqrt() } else { 0.0 } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rewards: &[f64], settings: AdvantageSettings) -> Vec<f64> {
        let group = rewards.iter().map(|reward| Some(*reward)).collect();
        advantages(&[group], &settings).unwrap().values.concat()
    }

    fn close(ours: &[f64], exact: &[f64]) {
        assert_eq!(ours.len(), exact.len());
        ours.iter().zip(exact).for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{ours:?}, not {exact:?}"));
    }

    #[test]
    fn published_numbers() {
        let population = AdvantageSettings {
            deviation: Deviation::Population,
            epsilon: 0.0,
            ..AdvantageSettings::default()
        };
        close(&of(&[1.0, 3.0], population), &[-1.0, 1.0]);
        assert_eq!(Spread::of(&[1.0, 2.0, 3.0], Deviation::Sample).deviation, 1.0);
        assert!(
            (Spread::of(&[3.0, 5.0], Deviation::Sample).deviation - std::f64::consts::SQRT_2).abs() < 1e-7
        );
        close(
            &of(&[1.0, 3.0], AdvantageSettings::default()),
            &[-1.0, 1.0].map(|a| a / (2_f64.sqrt() + 1e-4)),
        );
        close(&of(&[0.0, 1.0, 5.0], AdvantageSettings::of(Algorithm::Rloo)), &[-3.0, -1.5, 4.5]);
        assert_eq!(weighted_reward(&[Some(1.0), Some(0.0)], &[0.7, 0.3]), Some(0.7));
        assert_eq!(weighted_reward(&[Some(2.0), None], &[0.7, 0.3]), Some(1.4));
        assert_eq!(weighted_reward(&[None, None], &[0.7, 0.3]), None);
    }

    #[test]
    fn a_missing_reward_counts_nowhere() {
        let group = |rewards: [Option<f64>; 4]| rewards.to_vec();
        let groups =
            [group([Some(1.0), Some(2.0), Some(3.0), None]), group([None; 4]), group([Some(0.1); 4])];
        for baseline in [Baseline::Group, Baseline::LeaveOneOut] {
            let settings = AdvantageSettings { baseline, epsilon: 0.0, ..AdvantageSettings::default() };
            let result = advantages(&groups, &settings).unwrap();
            assert_eq!(result.zero_variance, [false, true, true]);
            assert!((result.zero_variance_share() - 2.0 / 3.0).abs() < 1e-12);
            let a = if baseline == Baseline::Group { 1.0 } else { 1.5 };
            close(&result.values[0], &[-a, 0.0, a, 0.0]);
        }
        let result = advantages(&groups, &AdvantageSettings::default()).unwrap();
        assert_eq!(result.values[1..], [[0.0; 4], [0.0; 4]]);
    }

    #[test]
    fn the_batch_can_be_baseline_and_scale() {
        let groups = [vec![Some(0.0), Some(2.0)], vec![Some(4.0), Some(6.0)]];
        let deviation = (20.0_f64 / 3.0).sqrt();
        let batch = AdvantageSettings { scale: Scale::Batch, epsilon: 0.0, ..AdvantageSettings::default() };
        close(
            &advantages(&groups, &batch).unwrap().values.concat(),
            &[-1.0, 1.0, -1.0, 1.0].map(|a| a / deviation),
        );
        let reinforce = AdvantageSettings::of(Algorithm::Reinforce);
        close(&advantages(&groups, &reinforce).unwrap().values.concat(), &[-3.0, -1.0, 1.0, 3.0]);
        assert!(advantages(&[vec![Some(1.0)], vec![Some(2.0)]], &reinforce).is_ok());
    }

    #[test]
    fn bad_rewards_are_refused() {
        let settings = AdvantageSettings::default();
        let message = |groups: &[Vec<Option<f64>>]| advantages(groups, &settings).unwrap_err().to_string();
        assert!(message(&[vec![Some(1.0), Some(f64::NAN)]]).contains("reward of group 0 is NaN"));
        assert!(message(&[vec![Some(1.0), Some(f64::INFINITY)]]).contains("inf"));
        assert!(message(&[vec![Some(1.0)]]).contains("group size"));
    }
}
