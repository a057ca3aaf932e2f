//! From a line to a job.

use std::{cell::OnceCell, collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::source::Given;
use crate::{
    candidate::{Candidate, SlotValue},
    config::Config,
    error::Result,
    registry::Registry,
    rollout::{Engine, Job, Task},
    tuner::{Session, evaluation_tasks},
};

/// What a line may say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// A task, as a row of a dataset would be.
    task: Option<Value>,
    /// A row of the evaluation dataset: its number from 0, or its id.
    row: Option<Row>,
    /// Id of `task`; a hash of it when not given.
    id: Option<String>,
    /// Values of slots, as under `[slots]`: of the workflow by `slot`, of others by `component.slot`.
    #[serde(default)]
    candidate: Map<String, Value>,
    /// Which of several runs of the row.
    #[serde(default)]
    attempt: u32,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Row {
    Number(usize),
    Id(String),
}

/// What is wrong with a line.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) field: Option<String>,
    pub(super) message: String,
}

/// All that lines may refer to.
pub(super) struct Lines<'a> {
    registry: &'a Registry,
    config: &'a Config,
    workflow: &'a str,
    /// Configured models that cannot be had, and why.
    unusable: Vec<(String, String)>,
    limit: Option<usize>,
    /// Read when a line first names a row.
    rows: OnceCell<Vec<Arc<Task>>>,
    /// Of lines that say the same, so that slots are filled once.
    candidates: BTreeMap<String, Arc<Candidate>>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(
        registry: &'a Registry,
        config: &'a Config,
        session: &Session<'a>,
        unusable: Vec<(String, String)>,
        limit: Option<usize>,
    ) -> Self {
        let workflow = session.workflow.meta.name;
        let (rows, candidates) = Default::default();
        Self { registry, config, workflow, unusable, limit, rows, candidates }
    }

    /// The job that a line asks for.
    pub(super) fn job(&mut self, engine: &Engine, given: Given) -> Result<Job, Fault> {
        let text = given.text.ok_or_else(|| fault(None, "the line is longer than 64 MiB".to_owned()))?;
        let mut json = serde_json::Deserializer::from_slice(&text);
        let line: Line = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            fault(Some(path.as_str()).filter(|path| *path != "."), error.into_inner().to_string())
        })?;
        json.end().map_err(|error| fault(None, error.to_string()))?;
        let task = self.task(line.task, line.row, line.id)?;
        engine.check_task(&task).map_err(|error| fault(Some("task"), error.to_string()))?;
        let candidate = self.candidate(&line.candidate)?;
        Ok(Job { candidate, task, attempt: line.attempt })
    }

    fn task(&self, task: Option<Value>, row: Option<Row>, id: Option<String>) -> Result<Arc<Task>, Fault> {
        let row = match (task, row) {
            (Some(value), None) => {
                let hash = || blake3::hash(value.to_string().as_bytes()).to_hex()[..16].to_owned();
                let id = id.unwrap_or_else(|| format!("task/{}", hash()));
                return Ok(Arc::new(Task { id, value }));
            }
            (None, Some(row)) => row,
            (Some(_), Some(_)) => {
                return Err(fault(Some("row"), "give a task or a row, not both".to_owned()));
            }
            (None, None) => {
                let message = "say what to run: \"task\" with a row's content, or \"row\" with its number";
                return Err(fault(Some("task"), message.to_owned()));
            }
        };
        let rows = self.rows().map_err(|error| fault(Some("row"), error.chain()))?;
        let found = match &row {
            Row::Number(number) => rows.get(*number),
            Row::Id(id) => rows.iter().find(|task| task.id == *id),
        };
        found.cloned().ok_or_else(|| {
            let ids = rows.first().map_or(String::new(), |first| format!("; the first is {}", first.id));
            fault(Some("row"), format!("there is no such row: the dataset has {}{ids}", rows.len()))
        })
    }

    fn rows(&self) -> Result<&[Arc<Task>]> {
        match self.rows.get() {
            Some(rows) => Ok(rows),
            None => {
                let rows = evaluation_tasks(self.config, self.limit)?;
                Ok(self.rows.get_or_init(|| rows))
            }
        }
    }

    fn candidate(&mut self, given: &Map<String, Value>) -> Result<Arc<Candidate>, Fault> {
        let text = serde_json::to_string(given).unwrap_or_default();
        if let Some(known) = self.candidates.get(&text) {
            return Ok(Arc::clone(known));
        }
        let candidate = Arc::new(self.read_candidate(given)?);
        self.candidates.insert(text, Arc::clone(&candidate));
        Ok(candidate)
    }

    fn read_candidate(&self, given: &Map<String, Value>) -> Result<Candidate, Fault> {
        let mut tables: BTreeMap<String, toml::Table> = BTreeMap::new();
        for (path, value) in given {
            let (component, slot) = path.split_once('.').unwrap_or((self.workflow, path));
            let value = toml::Value::try_from(value)
                .map_err(|error| fault(Some(&format!("candidate.{path}")), error.to_string()))?;
            tables.entry(component.to_owned()).or_default().insert(slot.to_owned(), value);
        }
        let slots = self.config.values(&tables, self.registry);
        let slots = slots.map_err(|error| fault(Some("candidate"), error.to_string()))?;
        let named = slots.values().filter_map(|value| match value {
            SlotValue::Model { name, .. } => Some(name),
            _ => None,
        });
        for name in named {
            if let Some((_, why)) = self.unusable.iter().find(|(unusable, _)| unusable == name) {
                return Err(fault(Some("candidate"), why.clone()));
            }
        }
        let candidate = Candidate { name: String::new(), slots };
        let name = match candidate.slots.is_empty() {
            true => Candidate::configured().name,
            false => candidate.hash()[..4].iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        Ok(Candidate { name, ..candidate })
    }
}

fn fault(field: Option<&str>, message: String) -> Fault {
    Fault { field: field.map(str::to_owned), message }
}
