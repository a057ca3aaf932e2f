//! The names under which a message may carry its reasoning.

use serde_json::Value;

/// The first is what most templates read.
const NAMES: [&str; 3] = ["reasoning_content", "thinking", "reasoning"];

/// Gives reasoning under any of its names also as `reasoning_content` and `thinking`, as `transformers` does.
pub(super) fn alias_reasoning(messages: &[Value]) -> Vec<Value> {
    messages.iter().map(aliased).collect()
}

fn aliased(message: &Value) -> Value {
    let mut message = message.clone();
    let Some(fields) = message.as_object_mut() else { return message };
    let reasoning = NAMES.iter().find_map(|name| fields.get(*name).filter(|value| !value.is_null()).cloned());
    if let Some(reasoning) = reasoning {
        fields.entry("thinking").or_insert_with(|| reasoning.clone());
        fields.insert("reasoning_content".into(), reasoning);
    }
    message
}
