//! Answers whose form is given: a JSON schema, or a tool that must be called.

use policy::chat::{ReplyFormat, opens_reasoning};
use serde_json::{Map, Value, json};

use super::policy;
use crate::{
    error::{Error, ErrorKind, ModelFailure, Result},
    model::{ChatRequest, ResponseFormat, ToolChoice, ToolSpec},
};

/// What is written for the model around the part that it is held to.
pub(super) struct Forced {
    /// Goes before its answer.
    pub(super) opening: String,
    /// What its answer must fit; none means any JSON object.
    pub(super) schema: Option<Value>,
    /// Goes after it.
    pub(super) closing: &'static str,
}

impl Forced {
    /// None when the answer is free.
    pub(super) fn of(request: &ChatRequest, format: ReplyFormat) -> Result<Option<Self>> {
        let named = |name: &str| {
            let tools: Vec<_> = request.tools.iter().filter(|tool| tool.name == name).collect();
            let unknown = || refusal(format!("tool_choice names `{name}`, which is not among the tools"));
            if tools.is_empty() { Err(unknown()) } else { Ok(tools) }
        };
        let tools = match &request.tool_choice {
            ToolChoice::Required if request.tools.is_empty() => {
                return Err(refusal("tool_choice is `required`, but no tool is offered".into()));
            }
            ToolChoice::Required => request.tools.iter().collect(),
            ToolChoice::Tool(name) => named(name)?,
            ToolChoice::None => Vec::new(),
            ToolChoice::Auto if request.response_format.is_some() && !request.tools.is_empty() => {
                return Err(refusal(
                    "an embedded model is held to a response format or offered tools, not both at once; set \
                     tool_choice to `none` or `required`, or leave one out"
                        .into(),
                ));
            }
            ToolChoice::Auto => Vec::new(),
        };
        if !tools.is_empty() {
            return Ok(Some(Self::call(&tools, format)));
        }
        Ok(request.response_format.as_ref().map(|format| {
            let schema = match format {
                ResponseFormat::JsonObject => None,
                ResponseFormat::JsonSchema { schema, .. } => Some(schema.clone()),
            };
            Self { opening: String::new(), schema, closing: "" }
        }))
    }

    /// One call of one of `tools`.
    fn call(tools: &[&ToolSpec], format: ReplyFormat) -> Self {
        let (opening, arguments, closing) = match format {
            ReplyFormat::Llama3 => ("", "parameters", ""),
            ReplyFormat::Mistral => ("[TOOL_CALLS] [", "arguments", "]"),
            _ => ("<tool_call>\n", "arguments", "\n</tool_call>"),
        };
        let mut definitions = Map::new();
        let mut calls = Vec::new();
        for (index, tool) in tools.iter().enumerate() {
            let parameters = hoisted(&tool.parameters, &format!("tool{index}."), &mut definitions);
            let properties = json!({ "name": { "const": tool.name }, arguments: parameters });
            calls.push(json!({
                "type": "object",
                "properties": properties,
                "required": ["name", arguments],
                "additionalProperties": false
            }));
        }
        let mut schema = json!({ "anyOf": calls });
        if !definitions.is_empty() {
            schema["$defs"] = definitions.into();
        }
        Self { opening: opening.into(), schema: Some(schema), closing }
    }

    /// Closes the reasoning that the prompt has opened: the form allows none.
    pub(super) fn after(mut self, rendered: &str) -> Self {
        if opens_reasoning(rendered) {
            self.opening.insert_str(0, "\n</think>\n\n");
        }
        self
    }
}

/// The schema with its definitions moved to `definitions`, under names that no other tool uses.
fn hoisted(schema: &Value, prefix: &str, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = schema.clone();
    let own = schema.as_object_mut().and_then(|object| object.remove("$defs"));
    for (name, mut definition) in own.and_then(|own| own.as_object().cloned()).into_iter().flatten() {
        rename(&mut definition, prefix);
        definitions.insert(format!("{prefix}{name}"), definition);
    }
    rename(&mut schema, prefix);
    schema
}

fn rename(value: &mut Value, prefix: &str) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value.as_str().and_then(|target| target.strip_prefix("#/$defs/")) {
                    Some(name) if key == "$ref" => *value = format!("#/$defs/{prefix}{name}").into(),
                    _ => rename(value, prefix),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, prefix)),
        _ => {}
    }
}

fn refusal(message: String) -> Error {
    Error::new(ErrorKind::Model(ModelFailure::Request), message)
}
