//! The numbers of a step, and how they are said.

use std::time::Duration;

use super::{
    alarm::Glance,
    groups::{Group, Sampled},
    lesson::Learnt,
};

/// How long the two halves of a step took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    pub(super) rollout: Duration,
    pub(super) train: Duration,
    /// From the start of the step to its end, in which both may have been under way at once.
    pub(super) whole: Duration,
}

/// What alarms look at.
pub(super) fn glance(sampled: &Sampled, learnt: &Learnt) -> Glance {
    let groups = &sampled.groups;
    let rollouts = count(groups) as f64;
    let tokens: usize = groups.iter().flat_map(|group| &group.rollouts).map(|rollout| rollout.sampled).sum();
    Glance {
        reward: mean_reward(groups),
        flat: share(groups.iter().filter(|group| group.is_flat()).count(), groups.len()),
        sampled: tokens,
        trained: learnt.trained_tokens,
        truncated: share(
            groups.iter().flat_map(|group| &group.rollouts).filter(|rollout| rollout.truncated).count(),
            count(groups),
        ),
        length: tokens as f64 / rollouts.max(1.0),
        entropy: learnt.value("entropy"),
        kl: learnt.value("kl"),
        clipped: learnt.value("clip_ratio/region_mean"),
    }
}

/// All numbers of a step; TRL's names where it has one.
///
/// `staleness` says by how many steps the weights that sampled were older than those that learnt.
pub(super) fn values(sampled: &Sampled, learnt: &Learnt, times: Times, staleness: u64) -> Vec<(String, f64)> {
    let Glance { reward, flat, sampled: tokens, trained, truncated, length, .. } = glance(sampled, learnt);
    let groups = &sampled.groups;
    let rollouts = || groups.iter().flat_map(|group| &group.rollouts);
    let rewards: Vec<f64> = groups.iter().flat_map(Group::rewards).collect();
    let variance =
        rewards.iter().map(|one| (one - reward).powi(2)).sum::<f64>() / rewards.len().max(1) as f64;
    let drifted: usize = rollouts().map(|rollout| rollout.rows.drifted).sum();
    let forked = rollouts().filter(|rollout| rollout.rows.rows.len() > 1).count();
    let per_second = |tokens: usize, time: Duration| tokens as f64 / time.as_secs_f64().max(1e-9);
    let own = [
        ("reward", reward),
        ("reward_std", variance.sqrt()),
        ("frac_reward_zero_std", flat),
        ("rollouts", count(groups) as f64),
        ("rollouts/without_reward", (count(groups) - rewards.len()) as f64),
        ("rollouts/forked_share", share(forked, count(groups))),
        ("rollouts/staleness", staleness as f64),
        ("completions/mean_length", length),
        ("completions/clipped_ratio", truncated),
        ("tokens/sampled", tokens as f64),
        ("tokens/trained", trained as f64),
        ("tokens/drifted", drifted as f64),
        ("time/rollout", times.rollout.as_secs_f64()),
        ("time/train", times.train.as_secs_f64()),
        ("time/step", times.whole.as_secs_f64()),
        ("tokens_per_second/rollout", per_second(tokens, times.rollout)),
        ("tokens_per_second/train", per_second(trained, times.train)),
    ];
    let learnt = learnt.values.iter().filter(|(name, _)| own.iter().all(|(known, _)| known != name));
    own.iter().map(|(name, value)| ((*name).to_owned(), *value)).chain(learnt.cloned()).collect()
}

/// A step in one line.
pub(super) fn line(step: u64, steps: u64, glance: &Glance, learnt: &Learnt, times: Times) -> String {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let rate = glance.sampled as f64 / times.whole.as_secs_f64().max(1e-9);
    let mut line = format!(
        "step {step}/{steps}: reward {:.3}, {} of groups equal, {} of {} tokens trained, length {:.1}",
        glance.reward,
        percent(glance.flat),
        glance.trained,
        glance.sampled,
        glance.length,
    );
    let parts = [
        Some(format!("{} cut off", percent(glance.truncated))).filter(|_| glance.truncated > 0.0),
        glance.entropy.map(|entropy| format!("entropy {entropy:.3}")),
        learnt
            .value("ratio/p01")
            .zip(learnt.value("ratio/p99"))
            .map(|(low, high)| format!("ρ {low:.2} to {high:.2}")),
        learnt
            .value("sampling/outside_0.9_1.1")
            .filter(|share| *share > 0.0)
            .map(|share| format!("{} of tokens where sampler and trainer disagree", percent(share))),
        glance.kl.map(|kl| format!("KL {kl:.4}")),
        Some(format!("{rate:.0} tokens/s")),
    ];
    for part in parts.into_iter().flatten() {
        line += ", ";
        line += &part;
    }
    line
}

fn mean_reward(groups: &[Group]) -> f64 {
    let rewards: Vec<f64> = groups.iter().flat_map(Group::rewards).collect();
    rewards.iter().sum::<f64>() / rewards.len().max(1) as f64
}

fn count(groups: &[Group]) -> usize {
    groups.iter().map(|group| group.rollouts.len()).sum()
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}
