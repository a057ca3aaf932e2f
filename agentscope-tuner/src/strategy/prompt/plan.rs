//! What is tuned, from where, and on which rows.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use super::{PromptTuning, lineage::Slots, propose::Tuned};
use crate::{
    candidate::{Candidate, SlotValue},
    error::{Error, ErrorKind, Result},
    rollout::{Engine, Task},
    seed,
    strategy::Inputs,
    text::did_you_mean,
    workflow::SlotRole,
};

/// Name of the candidate that everything descends from.
pub(super) const SEED: &str = "seed";
/// Fewer validation rows decide nothing.
const FEWEST_ROWS: usize = 4;

/// What a run works on.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) tuned: Vec<Tuned>,
    pub(super) seed: Arc<Candidate>,
    /// Rows to learn from, in random order.
    pub(super) train: Vec<Arc<Task>>,
    /// Validation rows that choose, in random order.
    pub(super) search: Vec<Arc<Task>>,
    /// Validation rows that do not choose.
    pub(super) held: Vec<Arc<Task>>,
}

impl Plan {
    /// # Errors
    /// [`ErrorKind::Config`] when there is nothing to tune or too little to tune it on.
    pub(super) fn new(settings: &PromptTuning, inputs: &Inputs<'_>) -> Result<Self> {
        let Inputs { engine, train, eval, .. } = *inputs;
        engine.judges_alone("prompt tuning keeps rewards for later candidates")?;
        rows_differ(train, eval)?;
        if train.is_empty() {
            return Err(config("there are no rows to learn from: set dataset.train"));
        }
        if eval.len() < FEWEST_ROWS {
            let message = format!(
                "prompt tuning needs at least {FEWEST_ROWS} validation rows, but dataset.eval has {}: add rows, 50 or more show most differences",
                eval.len()
            );
            return Err(config(message));
        }
        let (tuned, seed) = tuned(settings, engine)?;
        let mut search = shuffled(eval, engine.seed(), "validation order");
        let held = search.split_off(search.len() - held_rows(search.len(), settings.holdout));
        let train = shuffled(&renamed(train, eval), engine.seed(), "learning order");
        Ok(Self { tuned, seed: Arc::new(seed), train, search, held })
    }
}

/// How many of `rows` are held back: at least one, and never all.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of a number of rows"
)]
fn held_rows(rows: usize, share: f64) -> usize {
    ((rows as f64 * share).round() as usize).clamp(1, rows - 1)
}

/// `train` with other ids where `eval` has the same: rows in memory are only numbered.
fn renamed(train: &[Arc<Task>], eval: &[Arc<Task>]) -> Vec<Arc<Task>> {
    let taken: HashSet<&str> = eval.iter().map(|task| task.id.as_str()).collect();
    let rename = |task: &Arc<Task>| match taken.contains(task.id.as_str()) {
        true => Arc::new(Task { id: format!("learn/{}", task.id), value: task.value.clone() }),
        false => Arc::clone(task),
    };
    train.iter().map(rename).collect()
}

fn shuffled(tasks: &[Arc<Task>], seed: u64, purpose: &str) -> Vec<Arc<Task>> {
    let mut tasks = tasks.to_vec();
    tasks.sort_by_cached_key(|task| seed::draw(seed, purpose, [task.id.as_bytes()]));
    tasks
}

/// What was learnt by heart measures nothing.
fn rows_differ(train: &[Arc<Task>], eval: &[Arc<Task>]) -> Result<()> {
    let learnt: HashSet<String> = train.iter().map(|task| task.value.to_string()).collect();
    match eval.iter().find(|task| learnt.contains(&task.value.to_string())) {
        None => Ok(()),
        Some(task) => Err(config(format!(
            "validation row {} is also a row to learn from, so it would measure what was learnt by heart: choose other splits, such as train[:80%] and train[80%:]",
            task.id
        ))),
    }
}

/// The slots to tune, and what they hold at the start.
fn tuned(settings: &PromptTuning, engine: &Engine) -> Result<(Vec<Tuned>, Candidate)> {
    let all = engine.workflow_slots();
    let fitting: Vec<_> =
        all.iter().filter(|(_, slot, _)| matches!(slot.role, SlotRole::Prompt | SlotRole::Demos)).collect();
    let wanted: BTreeSet<&str> = settings.slots.iter().map(String::as_str).collect();
    let is_wanted = |path: &crate::candidate::SlotPath| {
        wanted.is_empty() || wanted.contains(path.slot.as_str()) || wanted.contains(path.to_string().as_str())
    };
    let known: Vec<&str> = fitting.iter().map(|(path, ..)| path.slot.as_str()).collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|name| !fitting.iter().any(|(path, ..)| path.slot == ***name || path.to_string() == ***name))
    {
        let hint = did_you_mean(unknown, known.iter().copied());
        return Err(config(format!(
            "strategy.prompt.slots names `{unknown}`, which is no prompt slot: {hint}"
        )));
    }
    let mut slots = Slots::new();
    let mut tuned = Vec::new();
    for (path, slot, value) in fitting.into_iter().filter(|(path, ..)| is_wanted(path)) {
        let start = settings.start.as_ref().and_then(|start| start.slots.get(path)).or(value.as_ref());
        let demos = slot.role == SlotRole::Demos;
        let value = match start {
            Some(SlotValue::Prompt(text)) if text.trim().is_empty() => None,
            None if demos => Some(SlotValue::Demos(Vec::new())),
            start => start.cloned(),
        };
        let value = value.ok_or_else(|| {
            config(format!(
                "slot `{path}` holds no text to start from: set `{} = \"…\"` under [slots.{}] in tuner.toml, or give the parameter #[prompt(\"…\")]",
                path.slot, path.component
            ))
        })?;
        slots.insert(path.clone(), value);
        tuned.push(Tuned { path: path.clone(), doc: slot.doc, demos });
    }
    if !tuned.iter().any(|slot| !slot.demos) {
        return Err(config(
            "there is no prompt to tune: give the workflow a parameter such as `#[prompt(\"…\")] system: Prompt`",
        ));
    }
    Ok((tuned, Candidate { name: SEED.to_owned(), slots }))
}

fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message)
}
