//! The Pareto front of quality, cost and latency.

use crate::strategy::Summary;

/// Names of the candidates that no other one equals or beats everywhere and beats somewhere, in their order.
///
/// Cost is dollars a rollout and latency its median. A candidate that was never scored is left out; what is not known of a
/// candidate is taken as the worst.
pub(super) fn front(summaries: &[Summary]) -> Vec<String> {
    let points: Vec<_> =
        summaries.iter().filter_map(|one| Some((one.candidate.name.as_str(), point(one)?))).collect();
    let beaten = |own: &[f64; 3]| points.iter().any(|(_, other)| dominates(other, own));
    points.iter().filter(|(_, own)| !beaten(own)).map(|(name, _)| (*name).to_owned()).collect()
}

/// Three numbers that are to be small.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn point(summary: &Summary) -> Option<[f64; 3]> {
    let counts = summary.counts;
    let ended = counts.scored + counts.task_failed + counts.infrastructure_failed + counts.judge_failed;
    let reward = summary.reward.filter(|_| counts.scored > 0)?;
    let usd = summary.usd.map_or(f64::INFINITY, |usd| usd.dollars() / ended.max(1) as f64);
    Some([-reward.mean, usd, summary.latency.map_or(f64::INFINITY, |latency| latency.p50)])
}

fn dominates(one: &[f64; 3], other: &[f64; 3]) -> bool {
    let pairs = || one.iter().zip(other);
    pairs().all(|(one, other)| one <= other) && pairs().any(|(one, other)| one < other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_somewhere_and_worse_nowhere_dominates() {
        assert!(dominates(&[-0.9, 1.0, 2.0], &[-0.8, 1.0, 2.0]));
        assert!(!dominates(&[-0.9, 1.0, 2.0], &[-0.9, 1.0, 2.0]));
        assert!(!dominates(&[-0.9, 2.0, 1.0], &[-0.8, 1.0, 2.0]));
        let infinite = f64::INFINITY;
        assert!(dominates(&[-0.9, 1.0, infinite], &[-0.9, infinite, infinite]));
    }
}
