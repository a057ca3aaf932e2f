//! Single values from flags and from the environment, laid over the file.

use std::str::FromStr;

use toml::{Table, Value};

use crate::error::{Error, ErrorKind, Result};

/// Environment variables with this prefix set values: `TUNER_BUDGET__USD=2` is `budget.usd = 2`.
const PREFIX: &str = "TUNER_";

/// A value for one key, such as `budget.usd=2` or `slots.solve.model=strong`.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    path: Vec<String>,
    value: Value,
}

impl Override {
    /// Sets the key at `path`, its parts joined by dots, to `value`.
    pub fn new(path: &str, value: impl Into<Value>) -> Self {
        Self { path: path.split('.').map(str::to_owned).collect(), value: value.into() }
    }

    /// All that `variables` set, in the order of their names.
    pub fn from_env(variables: impl IntoIterator<Item = (String, String)>) -> Vec<Self> {
        let mut found: Vec<_> = variables
            .into_iter()
            .filter_map(|(name, text)| Some((name.strip_prefix(PREFIX)?.to_lowercase(), text)))
            .collect();
        found.sort();
        found
            .into_iter()
            .map(|(name, text)| Self { path: env_path(&name), value: read_value(&text) })
            .collect()
    }
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((path, value)) if !path.trim().is_empty() => {
                Ok(Self::new(path.trim(), read_value(value.trim())))
            }
            _ => Err("write it as KEY=VALUE, such as budget.usd=2 or slots.solve.model=strong".to_owned()),
        }
    }
}

/// Double underscores stand for dots; single ones for hyphens, except in the names of components and slots.
fn env_path(name: &str) -> Vec<String> {
    let parts: Vec<_> = name.split("__").collect();
    let named = parts.first() == Some(&"slots") || parts.first() == Some(&"models");
    parts
        .iter()
        .enumerate()
        .map(|(depth, part)| if named && depth > 0 { (*part).to_owned() } else { part.replace('_', "-") })
        .collect()
}

/// What TOML reads as a number, boolean, list or table is one; all else is text.
fn read_value(text: &str) -> Value {
    let parsed = format!("value = {text}").parse::<Table>().ok();
    parsed.and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(text.to_owned()))
}

pub(super) fn apply(table: &mut Table, overrides: &[Override]) -> Result<()> {
    overrides.iter().try_for_each(|change| set(table, &change.path, change.value.clone()))
}

fn set(table: &mut Table, path: &[String], value: Value) -> Result<()> {
    match path {
        [] => Ok(()),
        [key] => {
            table.insert(key.clone(), value);
            Ok(())
        }
        [key, rest @ ..] => match table.entry(key).or_insert_with(|| Value::Table(Table::new())) {
            Value::Table(inner) => set(inner, rest, value),
            _ => {
                let message = format!("`{}` cannot be set: `{key}` is a value, not a table", path.join("."));
                Err(Error::new(ErrorKind::Config, message))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_toml_else_as_text() {
        let read = |text: &str| text.parse::<Override>().unwrap().value;
        assert_eq!(read("a=2"), Value::Integer(2));
        assert_eq!(read("a=[\"x\"]"), Value::Array(vec!["x".into()]));
        assert_eq!(read("a=strong"), Value::String("strong".into()));
        assert!("a".parse::<Override>().is_err());
    }

    #[test]
    fn variables_name_nested_keys() {
        let variables = [("TUNER_SLOTS__SOLVE__TOP_K", "8"), ("TUNER_RUN__CONCURRENCY", "4"), ("HOME", "x")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let overrides = Override::from_env(variables);
        let mut table = Table::new();
        apply(&mut table, &overrides).unwrap();
        assert_eq!(table["run"]["concurrency"].as_integer(), Some(4));
        assert_eq!(table["slots"]["solve"]["top_k"].as_integer(), Some(8));
        assert_eq!(table.len(), 2);
    }
}
