//! A workflow that is a program alone: described by the configuration, without a line of Rust.

use std::{path::PathBuf, sync::Arc};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Program;
use crate::{
    component::Meta,
    error::{Error, ErrorKind, Result},
    workflow::{Bound, Context, Erased, Produced, SlotSpec, WorkflowEntry, unerase},
};

/// The slot that holds the program itself, as a value.
pub(crate) const COMMAND: &str = "command";
/// The slot whose model clients find without being told, where there are several.
const MAIN: &str = "model";

/// A program as data: what the slot `command` of a configured workflow holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProgramSpec {
    /// The program and its arguments; not empty.
    pub command: Vec<String>,
    /// Its working directory; that of this program when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// Most address space of each of its processes, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Variables that look like secrets and are passed all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass: Vec<String>,
}

/// The entry of a workflow that is a program. Its task is any JSON value; its answer is text or, with `json`, a JSON value.
/// One of `slots` is the value `command`, which holds a [`ProgramSpec`].
pub const fn program_entry(meta: Meta, slots: &'static [SlotSpec], json: bool) -> WorkflowEntry {
    match json {
        true => WorkflowEntry::new::<Value, Value>(meta, slots, run_json),
        false => WorkflowEntry::new::<Value, String>(meta, slots, run_text),
    }
}

fn run_text(task: Erased, context: Context) -> BoxFuture<'static, Result<Produced>> {
    Box::pin(async move {
        let answer = program(&context)?.ask(&*unerase::<Value>(task)?).await?;
        Ok(produced(Value::String(answer.clone()), Arc::new(answer)))
    })
}

fn run_json(task: Erased, context: Context) -> BoxFuture<'static, Result<Produced>> {
    Box::pin(async move {
        let answer: Value = program(&context)?.structured(&*unerase::<Value>(task)?).await?;
        Ok(produced(answer.clone(), Arc::new(answer)))
    })
}

fn produced(json: Value, response: Erased) -> Produced {
    Produced { response, json, reward: None, metrics: Default::default() }
}

/// The program with what fills the slots in its environment.
fn program(context: &Context) -> Result<Program> {
    let spec: Option<ProgramSpec> = context.value(COMMAND)?;
    let mut program = spec.and_then(ProgramSpec::program).ok_or_else(|| {
        let name = context.component();
        let message = format!("there is no program to run: set `command = [\"…\"]` under [workflows.{name}]");
        Error::new(ErrorKind::Config, message)
    })?;
    let models: Vec<_> = context.slots().filter(|(_, bound)| matches!(bound, Bound::Model(_))).collect();
    let main = models.iter().find(|(name, _)| *name == MAIN).or(models.first()).map(|(name, _)| *name);
    for (name, bound) in context.slots().filter(|(name, _)| *name != COMMAND) {
        let variable = name.to_uppercase().replace('-', "_");
        program = match bound {
            Bound::Model(_) if Some(name) == main => program.model(&context.endpoint(name)?),
            Bound::Model(_) => program.model_as(&variable, &context.endpoint(name)?),
            Bound::Prompt(text) => program.env(format!("SLOT_{variable}"), &**text),
            Bound::Demos(demos) => program.env(format!("SLOT_{variable}"), written(&**demos)?),
            Bound::Value(value) => match &**value {
                Value::String(text) => program.env(format!("SLOT_{variable}"), text),
                other => program.env(format!("SLOT_{variable}"), other.to_string()),
            },
        };
    }
    let (attempt, seed) = (context.attempt().to_string(), context.seed().to_string());
    Ok(program.env("TASK_ID", context.task_id()).env("ATTEMPT", attempt).env("SEED", seed))
}

fn written(demos: &[crate::workflow::Demo]) -> Result<String> {
    serde_json::to_string(demos).map_err(|error| {
        Error::new(ErrorKind::Workflow, "the examples cannot be written as JSON").with_source(error)
    })
}

impl ProgramSpec {
    /// `None` where the command is empty.
    fn program(self) -> Option<Program> {
        let (program, args) = self.command.split_first()?;
        let mut built = args.iter().fold(Program::new(program), Program::arg);
        built = self.pass.into_iter().fold(built, Program::pass);
        built.directory = self.directory;
        built.memory = self.memory.map(|mib| mib.saturating_mul(1 << 20));
        Some(built)
    }
}
