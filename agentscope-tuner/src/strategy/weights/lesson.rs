//! What the groups of a step teach.

use policy::{
    loss::{Baseline, advantages},
    trainer::{Example, PolicyUpdate, Preference},
    trajectory::Trajectory,
};

use super::{Objective, WeightsTuning, failed, groups::Group, learner::Learner, policy};
use crate::error::Result;

/// What came of a step, in numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Learnt {
    /// Tokens that were trained.
    pub(super) trained_tokens: usize,
    /// Everything else, by name.
    pub(super) values: Vec<(String, f64)>,
}

impl Learnt {
    /// The value of this name.
    pub(super) fn value(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    fn add(&mut self, name: &str, value: f64) {
        self.values.push((name.to_owned(), value));
    }

    fn note(&mut self, step: Option<&policy::optimizer::StepReport>) {
        if let Some(step) = step {
            self.add("grad_norm", step.grad_norm);
            self.add("optimizer/skipped", f64::from(u8::from(step.skipped)));
        }
    }
}

/// Takes the step of `groups` at `rate`. Without anything to learn the weights stay.
pub(super) async fn learn(
    settings: &WeightsTuning,
    learner: &Learner,
    groups: &[Group],
    rate: f64,
) -> Result<Learnt> {
    let mut learnt = match &settings.objective {
        Objective::Policy(_) => from_rewards(settings, learner, groups, rate).await?,
        Objective::Best => from_best(settings, learner, groups, rate).await?,
        Objective::Preference(_) => from_preferences(settings, learner, groups, rate).await?,
    };
    learnt.add("learning_rate", rate);
    Ok(learnt)
}

async fn from_rewards(
    settings: &WeightsTuning,
    learner: &Learner,
    groups: &[Group],
    rate: f64,
) -> Result<Learnt> {
    let Objective::Policy(policy) = settings.objective.clone() else { return Ok(Learnt::default()) };
    let (examples, rollouts) = examples(settings, groups)?;
    let (updates, token_budget) = (settings.updates, settings.token_budget);
    let update = PolicyUpdate { policy, rollouts, updates, token_budget };
    let report = learner
        .ask("learn from the rollouts", move |trainer| trainer.learn(&examples, &update, rate))
        .await?;
    let mut learnt = Learnt { trained_tokens: report.statistics.trained_tokens, ..Learnt::default() };
    if learnt.trained_tokens > 0 {
        let named = report.statistics.named().into_iter();
        learnt.values.extend(named.map(|(name, value)| (name.to_owned(), value)));
    }
    learnt.note(report.steps.last());
    learnt.add("micro_batches", report.micro_batches as f64);
    Ok(learnt)
}

/// The rows of all rollouts that are compared, and how many rollouts these are. Flat groups are left out: they teach nothing
/// from their own baseline, and would only thin the others.
fn examples(settings: &WeightsTuning, groups: &[Group]) -> Result<(Vec<Example>, usize)> {
    let compared: Vec<&Group> = match settings.advantages.baseline {
        Baseline::Batch => groups.iter().collect(),
        _ => groups.iter().filter(|group| !group.is_flat()).collect(),
    };
    let rewards: Vec<Vec<Option<f64>>> =
        compared.iter().map(|group| group.rollouts.iter().map(|rollout| rollout.reward).collect()).collect();
    let advantages = advantages(&rewards, &settings.advantages)
        .map_err(|error| failed("compare the rewards of a step", error))?
        .values;
    let scored = compared.iter().zip(&advantages).flat_map(|(group, values)| {
        group.rollouts.iter().zip(values).filter(|(rollout, _)| rollout.reward.is_some())
    });
    let mut examples = Vec::new();
    let mut rollouts = 0;
    for (rollout, advantage) in scored {
        let of_row =
            |row: &Trajectory| Example { row: row.clone(), rollout: rollouts, advantage: *advantage };
        examples.extend(rollout.rows.rows.iter().map(of_row));
        rollouts += 1;
    }
    Ok((examples, rollouts))
}

/// The best and the worst rollout of each group whose rewards differ, by their rows.
fn extremes(groups: &[Group]) -> Vec<Preference> {
    let of_group = |group: &Group| {
        let scored =
            || group.rollouts.iter().filter_map(|rollout| Some((rollout.reward?, &rollout.rows.rows)));
        // The first of several: their order is that of the attempts.
        let best = scored().reduce(|best, next| if next.0 > best.0 { next } else { best })?;
        let worst = scored().reduce(|worst, next| if next.0 < worst.0 { next } else { worst })?;
        Some(Preference { chosen: best.1.clone(), rejected: worst.1.clone() })
    };
    groups.iter().filter(|group| !group.is_flat()).filter_map(of_group).collect()
}

async fn from_best(
    settings: &WeightsTuning,
    learner: &Learner,
    groups: &[Group],
    rate: f64,
) -> Result<Learnt> {
    let rows: Vec<Trajectory> = extremes(groups).into_iter().flat_map(|pair| pair.chosen).collect();
    let budget = settings.token_budget;
    let report = learner
        .ask("learn from the best rollouts", move |trainer| trainer.learn_supervised(&rows, budget, rate))
        .await?;
    let mut learnt = Learnt { trained_tokens: report.trained_tokens, ..Learnt::default() };
    learnt.add("loss", report.loss);
    learnt.add("entropy", report.entropy);
    learnt.note(report.step.as_ref());
    Ok(learnt)
}

async fn from_preferences(
    settings: &WeightsTuning,
    learner: &Learner,
    groups: &[Group],
    rate: f64,
) -> Result<Learnt> {
    let Objective::Preference(preference) = settings.objective.clone() else { return Ok(Learnt::default()) };
    let pairs = extremes(groups);
    let trained_tokens = pairs.iter().flat_map(|pair| pair.chosen.iter().chain(&pair.rejected));
    let trained_tokens = trained_tokens.map(Trajectory::trained).sum();
    let budget = settings.token_budget;
    let report = learner
        .ask("learn from preferences", move |trainer| {
            trainer.learn_preferences(&pairs, &preference, budget, rate)
        })
        .await?;
    let mut learnt = Learnt { trained_tokens, ..Learnt::default() };
    let statistics = report.statistics;
    learnt.add("loss", statistics.loss);
    learnt.add("rewards/chosen", statistics.reward_chosen);
    learnt.add("rewards/rejected", statistics.reward_rejected);
    learnt.add("rewards/margins", statistics.margin());
    learnt.add("rewards/accuracies", statistics.accuracy);
    learnt.add("pairs", report.pairs as f64);
    learnt.note(report.step.as_ref());
    Ok(learnt)
}
