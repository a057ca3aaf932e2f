//! What an earlier run left of the same candidate: evidence for the first reflection that costs no rollout.

use std::{collections::HashMap, path::Path, sync::Arc};

use super::{lab::Lab, plan::Plan};
use crate::{
    candidate::{Candidate, SlotPath, SlotValue},
    error::{Error, ErrorKind, Result},
    rollout::{Record, Store},
};

/// The store of a run, in its directory.
const STORE: &str = "run.sqlite";

/// Notes the rollouts of the run in `directory` that were made with the texts of the seed on rows to learn from.
///
/// # Errors
/// [`ErrorKind::Usage`] when there is no run, [`ErrorKind::Store`] when it cannot be read.
pub(super) fn note(lab: &mut Lab<'_>, plan: &Plan, directory: &Path) -> Result<()> {
    let path = directory.join(STORE);
    if !path.is_file() {
        let message = format!("there is no run in {}, whose traces are asked for", directory.display());
        return Err(Error::new(ErrorKind::Usage, message));
    }
    let store = Store::open(path)?;
    let configured: HashMap<SlotPath, Option<SlotValue>> =
        lab.inputs.engine.workflow_slots().into_iter().map(|(path, _, value)| (path, value)).collect();
    let candidates: HashMap<String, Candidate> =
        store.candidates()?.into_iter().map(|candidate| (candidate.name.clone(), candidate)).collect();
    let is_seed = |record: &Record| {
        let Some(candidate) = candidates.get(&record.candidate) else { return false };
        let value = |path: &SlotPath| candidate.slots.get(path).or_else(|| configured.get(path)?.as_ref());
        plan.seed.slots.iter().all(|(path, text)| {
            value(path) == Some(text) || (value(path).is_none() && *text == SlotValue::Demos(Vec::new()))
        })
    };
    let is_lesson = |record: &Record| plan.train.iter().any(|task| task.id == record.task_id);
    let mut records: Vec<Record> = store.rollouts()?.into_iter().map(|(_, record)| record).collect();
    records.retain(|record| {
        record.attempt == 0 && record.status.counts() && is_lesson(record) && is_seed(record)
    });
    // The store gives them in no particular order.
    records.sort_by(|one, other| one.task_id.cmp(&other.task_id));
    records.dedup_by(|one, other| one.task_id == other.task_id);
    let found = records.len();
    lab.board.meet(&plan.seed);
    for record in records {
        lab.purse.expect_rollout(record.spent);
        lab.board.note(&Arc::new(Record { candidate: plan.seed.name.clone(), ..record }));
    }
    lab.inputs.monitor.say(&format!("{found} recorded rollouts serve as evidence"));
    lab.recorded = Some(store);
    Ok(())
}
