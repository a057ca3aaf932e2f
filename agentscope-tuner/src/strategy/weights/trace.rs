//! What one rollout would teach, before any is learnt from.

use std::sync::Arc;

use super::{
    WeightsTuning,
    capture::{Answers, capture},
    groups,
};
use crate::{
    error::{Error, ErrorKind, Result},
    model::embedded::Spelling,
    rollout::{Engine, Job, Record, Task},
};

/// One rollout of the policy as it is, as the trainer sees it.
#[derive(Clone, Debug)]
pub struct Trace {
    /// How it ended.
    pub record: Arc<Record>,
    /// Its reward in training, penalties included; none where it says nothing about the policy.
    pub reward: Option<f64>,
    /// Tokens that the policy sampled.
    pub sampled: usize,
    /// The rows that it is trained in: each the text of its tokens, and whether they are trained.
    pub rows: Vec<Vec<(String, bool)>>,
}

impl Trace {
    /// Tokens that are trained.
    pub fn trained(&self) -> usize {
        self.rows.iter().flatten().filter(|(_, trained)| *trained).count()
    }

    /// All tokens of its rows.
    pub fn tokens(&self) -> usize {
        self.rows.iter().map(Vec::len).sum()
    }
}

impl WeightsTuning {
    /// Runs `task` once as training would, and says which of its tokens would be trained.
    ///
    /// # Errors
    /// As [`Engine::run`]; [`ErrorKind::Workflow`] and [`ErrorKind::Config`] where training could not learn from it.
    pub async fn trace(&self, engine: &Engine, task: &Arc<Task>) -> Result<Trace> {
        let job = Job { candidate: groups::trained(self, 0), task: Arc::clone(task), attempt: 0 };
        let mut run = engine.run([job], |_| {}).await?;
        if let Some(stopped) = run.stopped {
            return Err(stopped);
        }
        let record =
            run.records.pop().ok_or_else(|| Error::new(ErrorKind::Other, "a rollout left no record"))?;
        let captured = capture(self, engine.store(), &mut Answers::new(), &record)?;
        let spelling = Spelling::open(self.policy.directory())?;
        let spelled =
            |ids: &[u32], mask: &[bool]| spelling.pieces(ids).into_iter().zip(mask.to_vec()).collect();
        let rows = captured.rows.rows.iter().map(|row| spelled(&row.ids, &row.mask)).collect();
        Ok(Trace { record, reward: captured.reward, sampled: captured.sampled, rows })
    }
}
