//! `[slots.COMPONENT]`: values whose kind the code decides.

use std::{collections::BTreeMap, path::Path};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::{
    candidate::{SlotPath, SlotValue},
    error::{Error, ErrorKind, Result},
    model::Sampling,
    registry::Registry,
    text::did_you_mean,
    workflow::{Demo, SlotRole, SlotSpec},
};

pub(super) fn read(
    tables: &BTreeMap<String, Table>,
    registry: &Registry,
    directory: &Path,
) -> Result<BTreeMap<SlotPath, SlotValue>> {
    let mut values = BTreeMap::new();
    let mut faults = Vec::new();
    for (component, table) in tables {
        let Some(slots) = slots_of(registry, component) else {
            let workflows = registry.workflows().iter().map(|entry| entry.meta.name);
            let known = workflows.chain(registry.judges().iter().map(|entry| entry.meta.name));
            let hint = did_you_mean(component, known);
            faults.push(format!("[slots.{component}]: there is no workflow or judge of this name; {hint}"));
            continue;
        };
        for (name, value) in table {
            match read_slot(slots, component, name, value, directory) {
                Ok(value) => _ = values.insert(SlotPath::new(component, name), value),
                Err(fault) => faults.push(format!("[slots.{component}] {name}: {fault}")),
            }
        }
    }
    match faults.as_slice() {
        [] => Ok(values),
        _ => Err(Error::new(ErrorKind::Config, faults.join("\n"))),
    }
}

fn slots_of(registry: &Registry, component: &str) -> Option<&'static [SlotSpec]> {
    let workflow = registry.workflows().iter().find(|entry| entry.meta.name == component);
    let judge = registry.judges().iter().find(|entry| entry.meta.name == component);
    workflow.map(|entry| entry.slots).or(judge.map(|entry| entry.slots))
}

fn read_slot(
    slots: &[SlotSpec],
    component: &str,
    name: &str,
    value: &Value,
    directory: &Path,
) -> Result<SlotValue, String> {
    let configurable = || slots.iter().filter(|slot| slot.role.is_configurable());
    let Some(slot) = configurable().find(|slot| slot.name == name) else {
        let hint = did_you_mean(name, configurable().map(|slot| slot.name));
        return Err(format!("`{component}` has no such slot; {hint}"));
    };
    match (slot.role, value) {
        (SlotRole::Model, Value::String(name)) => Ok(SlotValue::model(name)),
        (SlotRole::Model, Value::Table(table)) => read_model(table),
        (SlotRole::Model, _) => Err("write a model's name, or a table { name = …, sampling = … }".to_owned()),
        (SlotRole::Prompt, Value::String(text)) => Ok(SlotValue::Prompt(text.clone())),
        (SlotRole::Prompt, Value::Table(table)) => read_file(table, directory).map(SlotValue::Prompt),
        (SlotRole::Prompt, _) => Err("write a text, or a table { file = … }".to_owned()),
        (SlotRole::Demos, Value::Array(_)) => fit::<Vec<Demo>>(value).map(SlotValue::Demos),
        (SlotRole::Demos, _) => Err("write a list of { input = …, output = … }".to_owned()),
        _ => fit(value).map(SlotValue::Value),
    }
}

fn read_model(table: &Table) -> Result<SlotValue, String> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Choice {
        name: String,
        #[serde(default)]
        sampling: Sampling,
    }
    let Choice { name, sampling } = fit(&Value::Table(table.clone()))?;
    match sampling.faults().as_slice() {
        [] => Ok(SlotValue::Model { name, sampling, version: None }),
        faults => Err(faults.join("; ")),
    }
}

fn read_file(table: &Table, directory: &Path) -> Result<String, String> {
    match (table.get("file").and_then(Value::as_str), table.len()) {
        (Some(file), 1) => {
            let path = directory.join(file);
            std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
        }
        _ => Err("a table here has one key, `file`".to_owned()),
    }
}

fn fit<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value.clone()).map_err(|error| error.to_string().trim_end().to_owned())
}
