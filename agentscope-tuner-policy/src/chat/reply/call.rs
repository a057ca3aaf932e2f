//! From the JSON of a call to [`ToolCall`].

use serde_json::{Map, Value};

use super::{ToolCall, tags::PYTHON_TAG};

/// One object, as Hermes has it.
pub(super) fn hermes(body: &str) -> Option<ToolCall> {
    from_value(serde_json::from_str(body).ok()?)
}

/// One object or several, separated by semicolons or white space.
pub(super) fn llama3(body: &str) -> Option<Vec<ToolCall>> {
    let mut rest = body.trim_start();
    rest = rest.strip_prefix(PYTHON_TAG).unwrap_or(rest);
    let mut calls = Vec::new();
    loop {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter();
        calls.push(from_value(values.next()?.ok()?)?);
        rest = rest[values.byte_offset()..].trim_start();
        if rest.is_empty() {
            return Some(calls);
        }
        rest = rest.strip_prefix(';').unwrap_or(rest);
    }
}

/// An array of objects.
pub(super) fn mistral(body: &str) -> Option<Vec<ToolCall>> {
    let values: Vec<Value> = serde_json::from_str(body).ok()?;
    values.into_iter().map(from_value).collect()
}

fn from_value(value: Value) -> Option<ToolCall> {
    let Value::Object(mut object) = value else { return None };
    let name = object.get("name")?.as_str().filter(|name| !name.is_empty())?.to_owned();
    let id = object.get("id").and_then(Value::as_str).map(Into::into);
    let arguments = match object.remove("arguments").or_else(|| object.remove("parameters")) {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(arguments)) => arguments,
        // Some models write the object once more as a string.
        Some(Value::String(text)) => serde_json::from_str(&text).ok()?,
        Some(_) => return None,
    };
    Some(ToolCall { id, name, arguments })
}
