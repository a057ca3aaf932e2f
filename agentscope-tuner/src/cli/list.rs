//! `list`: what is registered and configured.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{args::Format, show};
use crate::{
    component::Meta,
    config::{Config, DatasetTable},
    error::Result,
    model::Price,
    registry::Registry,
    workflow::{SlotDefault, SlotSpec},
};

pub(super) fn list(registry: &Registry, config: &Config, format: Format) -> Result<ExitCode> {
    match format {
        Format::Json => show::json(&as_json(registry, config))?,
        Format::Text => show::line(as_text(registry, config).trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

/// The verbs that run a strategy.
const STRATEGIES: &[&str] = if cfg!(feature = "embedded") {
    &["eval", "select", "prompt", "weights"]
} else {
    &["eval", "select", "prompt"]
};

fn as_text(registry: &Registry, config: &Config) -> String {
    let mut text = String::new();
    for workflow in registry.workflows() {
        component(&mut text, "workflow", workflow.meta, workflow.slots);
    }
    for judge in registry.judges() {
        component(&mut text, "judge", judge.meta, judge.slots);
    }
    for (name, table) in &config.file.judges {
        let kind = table.get("kind").and_then(toml::Value::as_str).unwrap_or("of no kind");
        text += &format!("judge {name}  {kind}, under [judges.{name}]\n");
    }
    for tool in registry.tools() {
        component(&mut text, "tool", tool.meta, &[]);
    }
    for (name, table) in datasets(config) {
        text += &format!("dataset {name}  {}\n", described(table));
    }
    for (name, spec) in &config.file.models {
        let price = match spec.known_price() {
            None => "price unknown".to_owned(),
            Some(Price::FREE) => "free".to_owned(),
            Some(price) => format!("${} in, ${} out per million tokens", price.input, price.output),
        };
        // A model of a directory may have no other name.
        let directory = spec.path.as_ref().filter(|_| spec.name.is_empty());
        let own = directory.map_or_else(|| spec.name.clone(), |path| path.display().to_string());
        text += &format!("model {name}  {}:{own}  {price}\n", spec.provider);
    }
    text += &format!("strategies  {}\n", STRATEGIES.join(", "));
    text
}

fn component(text: &mut String, kind: &str, meta: Meta, slots: &[SlotSpec]) {
    *text += &format!("{kind} {}  {}\n", meta.name, meta.location);
    if let Some(first) = meta.doc.lines().map(str::trim).find(|line| !line.is_empty()) {
        *text += &format!("    {first}\n");
    }
    for slot in slots.iter().filter(|slot| slot.role.is_configurable()) {
        let default = match slot.default {
            SlotDefault::None => String::new(),
            SlotDefault::Prompt(prompt) => format!(" = {:?}", shortened(prompt)),
            SlotDefault::Model(model) => format!(" = {model}"),
        };
        *text += &format!("    {}: {}{default}\n", slot.name, slot.role);
    }
}

fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.len() < text.len() => format!("{line}…"),
        None => line.to_owned(),
    }
}

fn datasets(config: &Config) -> impl Iterator<Item = (&'static str, &DatasetTable)> {
    let tables = &config.file.dataset;
    [("train", &tables.train), ("eval", &tables.eval)]
        .into_iter()
        .filter_map(|(name, table)| Some((name, table.as_ref()?)))
}

fn described(table: &DatasetTable) -> String {
    let split = table.split.as_ref().map(|split| format!(", split {split}")).unwrap_or_default();
    let limit = table.limit.map(|limit| format!(", at most {limit} rows")).unwrap_or_default();
    format!("{}{split}{limit}", table.path)
}

fn as_json(registry: &Registry, config: &Config) -> Value {
    let meta = |meta: Meta, slots: &[SlotSpec]| {
        let slots: Vec<_> = slots
            .iter()
            .map(
                |slot| json!({"name": slot.name, "role": slot.role, "type": slot.type_name, "doc": slot.doc}),
            )
            .collect();
        let place = meta.location;
        json!({"name": meta.name, "doc": meta.doc, "module": meta.module, "file": place.file, "line": place.line, "slots": slots})
    };
    let workflows = registry.workflows().iter().map(|entry| meta(entry.meta, entry.slots));
    let judges = registry.judges().iter().map(|entry| meta(entry.meta, entry.slots));
    let tools = registry.tools().iter().map(|entry| meta(entry.meta, &[]));
    json!({
        "workflows": workflows.collect::<Vec<_>>(),
        "judges": judges.collect::<Vec<_>>(),
        "configured_judges": config.file.judges,
        "tools": tools.collect::<Vec<_>>(),
        "datasets": config.file.dataset,
        "models": config.file.models,
        "strategies": STRATEGIES,
    })
}
