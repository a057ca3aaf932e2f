//! `[workflows.NAME]`: workflows that are programs, registered beside the annotated ones.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::Config;
use crate::{
    candidate::{SlotPath, SlotValue},
    component::{Location, Meta},
    error::{Error, ErrorKind, Result},
    workflow::{COMMAND, ProgramSpec, SlotDefault, SlotRole, SlotSpec, WorkflowEntry, program_entry},
};

/// `[workflows.NAME]`: a program in any language that is the workflow `NAME`. It gets the task as JSON on standard input and in
/// the variable `TASK`, its models in `OPENAI_BASE_URL`, `OPENAI_API_KEY`, `OPENAI_MODEL` and their like, and every other
/// slot in `SLOT_` and its name; it answers on standard output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct WorkflowTable {
    /// The program and its arguments; it runs in the directory of the file.
    pub command: Vec<String>,
    /// What it does, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// Names and roles of its slots: `model`, `prompt`, `demos` or `value`. One `model` of that name when unset.
    #[serde(default = "one_model")]
    pub slots: BTreeMap<String, SlotRole>,
    /// What it answers; `text` when unset.
    #[serde(default)]
    pub answer: AnswerForm,
    /// Most address space of each of its processes, in MiB, at least 1; unlimited when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Environment variables that it sees although their names say that they hold secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass: Vec<String>,
}

/// The form of a program's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerForm {
    /// All that it prints, as it is.
    #[default]
    Text,
    /// One JSON value.
    Json,
}

fn one_model() -> BTreeMap<String, SlotRole> {
    BTreeMap::from([("model".to_owned(), SlotRole::Model)])
}

impl Config {
    /// The workflows of `[workflows]`, to be registered.
    pub fn workflows(&self) -> Vec<WorkflowEntry> {
        let file = self.path.as_deref().unwrap_or(Path::new(super::FILE_NAME)).display().to_string();
        let tables = self.file.workflows.iter();
        tables
            .map(|(name, table)| {
                let line = self.lines.get(name).copied().unwrap_or(1);
                let (meta, slots) = kept(name, table, &file, line);
                program_entry(meta, slots, table.answer == AnswerForm::Json)
            })
            .collect()
    }

    /// The programs themselves: what the slot `command` of each of these workflows holds.
    pub(super) fn programs(&self) -> Result<BTreeMap<SlotPath, SlotValue>> {
        let program = |(name, table): (&String, &WorkflowTable)| {
            let spec = ProgramSpec {
                command: table.command.clone(),
                directory: Some(self.directory.clone()).filter(|directory| *directory != Path::new("")),
                memory: table.memory,
                pass: table.pass.clone(),
            };
            let value = serde_json::to_value(spec).map_err(|error| {
                let message = format!("[workflows.{name}] cannot be written as JSON");
                Error::new(ErrorKind::Config, message).with_source(error)
            })?;
            Ok((SlotPath::new(name, COMMAND), SlotValue::Value(value)))
        };
        self.file.workflows.iter().map(program).collect()
    }
}

/// Every fault of the tables.
pub(super) fn faults(tables: &BTreeMap<String, WorkflowTable>) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, table) in tables {
        let mut fault = |text: String| faults.push(format!("workflows.{name}{text}"));
        if !is_name(name) {
            fault(": a name has 1 to 64 ASCII letters, digits, `_` or `-`".to_owned());
        }
        if table.command.first().is_none_or(String::is_empty) {
            fault(
                ".command is empty: name a program and its arguments, as in [\"python3\", \"agent.py\"]"
                    .to_owned(),
            );
        }
        if table.memory == Some(0) {
            fault(".memory is 0, but must be at least 1 MiB".to_owned());
        }
        for (slot, role) in &table.slots {
            if !is_name(slot) || slot == COMMAND {
                fault(format!(
                    ".slots.{slot}: a slot has 1 to 64 ASCII letters, digits, `_` or `-`, and is not called `{COMMAND}`"
                ));
            }
            if !role.is_configurable() {
                fault(format!(".slots.{slot} is a `{role}`, but must be one of model, prompt, demos, value"));
            }
        }
    }
    faults
}

fn is_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(legal)
}

/// Where each table begins in `text`, as a line from 1; those that are not written as `[workflows.NAME]` are left out.
pub(super) fn lines(text: &str) -> BTreeMap<String, u32> {
    let header = |line: &str| {
        let name = line.trim().strip_prefix("[workflows.")?.split(']').next()?;
        Some(name.trim_matches('"').to_owned())
    };
    (1..).zip(text.lines()).filter_map(|(number, line)| Some((header(line)?, number))).collect()
}

/// Descriptions of components live as long as the program. So that those of a file which is read again and again take no
/// more room, equal ones are kept once.
fn kept(name: &str, table: &WorkflowTable, file: &str, line: u32) -> (Meta, &'static [SlotSpec]) {
    type Kept = (Meta, &'static [SlotSpec]);
    static KEPT: Mutex<BTreeMap<String, Kept>> = Mutex::new(BTreeMap::new());
    let slots: Vec<_> = table.slots.iter().map(|(slot, role)| (slot.as_str(), *role)).collect();
    let identity = format!("{:?}", (name, &table.doc, file, line, &slots));
    let mut all = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    *all.entry(identity).or_insert_with(|| {
        let location = Location { file: leaked(file), line, column: 1 };
        let meta = Meta { name: leaked(name), doc: leaked(&table.doc), module: "tuner.toml", location };
        let command = (COMMAND, SlotRole::Value);
        let specs = slots.into_iter().chain([command]).map(|(name, role)| SlotSpec {
            name: leaked(name),
            role,
            default: SlotDefault::None,
            type_name: "",
            doc: "",
        });
        (meta, specs.collect::<Vec<_>>().leak())
    })
}

fn leaked(text: &str) -> &'static str {
    text.to_owned().leak()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    fn read(text: &str) -> Result<Config> {
        Config::parse(text, "tuner.toml", "".into(), None, &[])
    }

    #[test]
    fn a_table_is_a_workflow_with_slots() {
        let text = "\n[workflows.solve]\ncommand = [\"python3\", \"agent.py\"]\nslots = { model = \"model\", system = \"prompt\" }\n[slots.solve]\nmodel = \"fast\"\nsystem = \"Be brief.\"";
        let config = read(text).unwrap();
        let registry = Registry::builder().entries(config.workflows()).build().unwrap();
        let [solve] = registry.workflows() else { panic!() };
        assert_eq!(solve.meta.location.to_string(), "tuner.toml:2");
        let slots: Vec<_> = solve.slots.iter().map(|slot| (slot.name, slot.role)).collect();
        let wanted = [("model", SlotRole::Model), ("system", SlotRole::Prompt), ("command", SlotRole::Value)];
        assert_eq!(slots, wanted);
        // Read again, it is the same description.
        assert!(std::ptr::eq(solve.slots, read(text).unwrap().workflows()[0].slots));
        let values = config.slots(&registry).unwrap();
        assert_eq!(values[&SlotPath::new("solve", "system")], SlotValue::Prompt("Be brief.".into()));
        let command = SlotValue::Value(serde_json::json!({ "command": ["python3", "agent.py"] }));
        assert_eq!(values[&SlotPath::new("solve", "command")], command);
    }

    #[test]
    fn every_fault_is_told() {
        let error = read(
            "[workflows.\"a b\"]\ncommand = []\nmemory = 0\nslots = { command = \"value\", who = \"context\" }",
        );
        let error = error.unwrap_err().to_string();
        for word in [
            "a b: a name",
            ".command is empty",
            ".memory is 0",
            "not called `command`",
            ".slots.who is a `context`",
        ] {
            assert!(error.contains(word), "{word}: {error}");
        }
        assert!(
            read("[workflows.a]\ncommand = [\"a\"]\nslot = 1").unwrap_err().to_string().contains("unknown")
        );
    }
}
