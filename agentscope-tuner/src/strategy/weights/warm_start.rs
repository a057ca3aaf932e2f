//! Supervised steps on example conversations, before the policy learns from its own.

use policy::trajectory::Trajectory;

use super::{WarmStart, WeightsTuning, draw, learner::Learner, policy};
use crate::error::{Error, ErrorKind, Result};

/// The examples of a warm start as rows of tokens.
///
/// # Errors
/// Names the row that is no conversation.
pub(super) fn examples(settings: &WeightsTuning, warm: &WarmStart) -> Result<Vec<Trajectory>> {
    let mut examples = Vec::new();
    for (number, row) in warm.rows.iter().enumerate() {
        let rows = settings.policy.demonstration(row).map_err(|error| {
            let message = format!("row {number} of the warm start is no example conversation");
            Error::new(ErrorKind::Dataset, message).with_source(error)
        })?;
        if rows.iter().all(|row| row.trained() == 0) {
            let message = format!(
                "row {number} of the warm start has no message of the assistant, so there is nothing to learn from it"
            );
            return Err(Error::new(ErrorKind::Dataset, message));
        }
        examples.extend(rows);
    }
    Ok(examples)
}

/// Takes supervised step `step`; its loss.
pub(super) async fn step(
    settings: &WeightsTuning,
    warm: &WarmStart,
    examples: &[Trajectory],
    learner: &Learner,
    step: u64,
    seed: u64,
) -> Result<f64> {
    let chosen = draw::rows(examples.len(), step * warm.batch_size as u64, warm.batch_size, seed);
    let rows: Vec<Trajectory> = chosen.into_iter().map(|row| examples[row].clone()).collect();
    // A schedule counts from 0, and a rate of 0 in the first step of a warm-up would waste it.
    let rate = warm.schedule.at(step + u64::from(warm.schedule.warmup_steps > 0));
    let budget = settings.token_budget;
    let report = learner
        .ask("learn from examples", move |trainer| trainer.learn_supervised(&rows, budget, rate))
        .await?;
    Ok(report.loss)
}
