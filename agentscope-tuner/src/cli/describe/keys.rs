//! The keys of `tuner.toml`, table by table, as Markdown.

use std::fmt::Write as _;

use serde_json::Value;

use crate::judge::configured::KINDS;

/// Writes all tables of `schema`, those inside others after them.
pub(super) fn keys(schema: &Value) -> String {
    let mut text = String::new();
    let whole = Table { schema, path: Vec::new() };
    whole.write(schema, &mut text);
    text.trim_end().to_owned()
}

/// A table of the file, found at a path; `NAME` stands for any name.
struct Table<'a> {
    schema: &'a Value,
    path: Vec<String>,
}

impl<'a> Table<'a> {
    fn write(&self, table: &'a Value, text: &mut String) {
        let none = serde_json::Map::new();
        let properties = table["properties"].as_object().unwrap_or(&none);
        let mut inner = Vec::new();
        let mut rows = String::new();
        for (name, key) in properties {
            match self.table(name, key) {
                Some(found) => inner.push(found),
                None => {
                    let (kind, about) = (self.kind(key), about(key));
                    // Writing to a string cannot fail.
                    _ = writeln!(rows, "| `{name}` | {kind} | {about} |");
                }
            }
        }
        if !rows.is_empty() {
            _ = writeln!(text, "| key | value | |\n|---|---|---|\n{rows}");
        }
        for (path, about, table) in inner {
            let heading = path.join(".");
            // What a judge may say depends on its kind.
            let about = if heading == "judges.NAME" { KINDS } else { &about };
            _ = writeln!(text, "### `[{heading}]`\n\n{}\n", about.trim_end());
            Self { schema: self.schema, path }.write(table, text);
        }
    }

    /// Where `key` stands for a table: its path, what is said of it, and itself. `profiles` and `per-workflow` hold the
    /// whole file again.
    fn table(&self, name: &str, key: &'a Value) -> Option<(Vec<String>, String, &'a Value)> {
        let mut path = self.path.clone();
        path.push(name.to_owned());
        let table = self.resolve(key);
        if table["properties"].is_object() {
            return Some((path, first(&about(key), &about(table)), table));
        }
        let named = table.get("additionalProperties").filter(|values| values.is_object())?;
        let values = self.resolve(named);
        path.push("NAME".to_owned());
        if named["$ref"] == "#" || values.get("type").is_none_or(|kind| kind != "object") {
            return (named["$ref"] == "#").then(|| (path, first(&about(key), ""), &Value::Null));
        }
        Some((path, first(&about(key), &about(values)), values))
    }

    /// Follows a reference, also one that may be left out.
    fn resolve(&self, value: &'a Value) -> &'a Value {
        let choice = value["anyOf"].as_array().and_then(|all| all.iter().find(|one| one["type"] != "null"));
        let value = choice.unwrap_or(value);
        let name = value["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
        name.map_or(value, |name| &self.schema["$defs"][name])
    }

    /// The type of a value in words.
    fn kind(&self, key: &'a Value) -> String {
        let value = self.resolve(key);
        if let Some(names) = names(value) {
            return names;
        }
        if let Some(several) = value["anyOf"].as_array() {
            return several.iter().map(|one| self.kind(one)).collect::<Vec<_>>().join(" or ");
        }
        let types = match &value["type"] {
            Value::Array(types) => types.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
            kind => kind.as_str(),
        };
        match types {
            Some("array") => format!("list: {}", self.kind(&value["items"])),
            Some("integer") => "whole number".to_owned(),
            Some("boolean") => "`true` or `false`".to_owned(),
            Some("object") => "table".to_owned(),
            Some("string") => "text".to_owned(),
            Some(other) => other.to_owned(),
            None => "any".to_owned(),
        }
    }
}

/// The values that there are, where they are few.
fn names(value: &Value) -> Option<String> {
    let plain = value["enum"].as_array().map(|all| all.iter().collect::<Vec<_>>());
    let documented = value["oneOf"].as_array().map(|all| all.iter().map(|one| &one["const"]).collect());
    let all = plain.or(documented)?;
    let names: Vec<_> = all.iter().filter_map(|name| name.as_str()).map(|name| format!("`{name}`")).collect();
    Some(names.join(", "))
}

fn about(value: &Value) -> String {
    value["description"].as_str().unwrap_or_default().replace('|', "\\|").replace("\n\n", " ")
}

/// What is said of the key, or where that is but its name, what is said of the table.
fn first(of_key: &str, of_table: &str) -> String {
    let said = |text: &str| match text.strip_prefix("`[").and_then(|rest| rest.split_once("]`")) {
        Some((_, rest)) => rest.trim_start_matches([':', '.', ' ']).to_owned(),
        None => text.to_owned(),
    };
    let said = [of_key, of_table].map(said).into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let mut letters = said.chars();
    letters.next().map_or_else(String::new, |letter| letter.to_uppercase().chain(letters).collect())
}
