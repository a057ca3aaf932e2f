//! The request body of chat completions.

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::Value;

use super::{Dialect, Thinking, content::Messages};
use crate::model::{
    ChatRequest, ResponseFormat, ToolChoice, ToolSpec,
    json::{Fields, Object},
};

/// A request as one endpoint wants it, written straight from the borrowed parts.
pub(super) struct Body<'a> {
    pub(super) request: &'a ChatRequest,
    pub(super) name: &'a str,
    pub(super) dialect: &'a Dialect,
    pub(super) stream: bool,
    /// What [`preface`] made of the request.
    pub(super) preface: Option<&'a str>,
}

/// The schema in words, for endpoints that know JSON answers but no schemas.
pub(super) fn preface(request: &ChatRequest, dialect: &Dialect) -> Option<String> {
    match &request.response_format {
        Some(ResponseFormat::JsonSchema { schema, .. }) if !dialect.json_schema => {
            Some(format!("Answer with one JSON object that fits this JSON schema:\n{schema}"))
        }
        _ => None,
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { request, dialect, .. } = self;
        let sampling = &request.sampling;
        let messages = Messages {
            messages: &request.messages,
            preface: self.preface,
            echo_reasoning: dialect.echo_reasoning,
        };
        let mut fields = Fields::new(to.serialize_map(None)?, &sampling.extra);
        fields.put("model", self.name)?;
        fields.put("messages", &messages)?;
        if !request.tools.is_empty() {
            fields.put("tools", &request.tools.iter().map(Tool).collect::<Vec<_>>())?;
            fields.some("tool_choice", Choice::of(&request.tool_choice))?;
            fields.some("parallel_tool_calls", request.parallel_tool_calls)?;
        }
        fields.some(
            "response_format",
            request.response_format.as_ref().map(|format| Format { format, dialect }),
        )?;
        fields.some("temperature", sampling.temperature)?;
        fields.some("top_p", sampling.top_p)?;
        fields.some("top_k", sampling.top_k)?;
        fields.some(dialect.max_tokens, sampling.max_tokens)?;
        fields.some("presence_penalty", sampling.presence_penalty)?;
        fields.some("frequency_penalty", sampling.frequency_penalty)?;
        fields.some("stop", (!sampling.stop.is_empty()).then_some(&sampling.stop))?;
        fields.some("seed", sampling.seed)?;
        match (dialect.thinking, sampling.reasoning_effort.as_deref()) {
            (Thinking::Effort, effort) => fields.some("reasoning_effort", effort)?,
            (Thinking::Switch, effort) => {
                fields.some("enable_thinking", effort.map(|effort| effort != "none"))?
            }
        }
        if let Some(alternatives) = request.logprobs {
            fields.put("logprobs", &true)?;
            fields.some("top_logprobs", (alternatives > 0).then_some(alternatives))?;
        }
        if self.stream {
            fields.put("stream", &true)?;
            fields.put("stream_options", &Object([("include_usage", true)]))?;
        }
        fields.end()
    }
}

struct Tool<'a>(&'a ToolSpec);

impl Serialize for Tool<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(2))?;
        map.serialize_entry("type", "function")?;
        map.serialize_entry("function", self.0)?;
        map.end()
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Choice<'a> {
    Word(&'static str),
    Named {
        #[serde(rename = "type")]
        kind: &'static str,
        function: Object<&'a str, 1>,
    },
}

impl<'a> Choice<'a> {
    fn of(choice: &'a ToolChoice) -> Option<Self> {
        match choice {
            ToolChoice::Auto => None,
            ToolChoice::None => Some(Self::Word("none")),
            ToolChoice::Required => Some(Self::Word("required")),
            ToolChoice::Tool(name) => {
                Some(Self::Named { kind: "function", function: Object([("name", name)]) })
            }
        }
    }
}

struct Format<'a> {
    format: &'a ResponseFormat,
    dialect: &'a Dialect,
}

impl Serialize for Format<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Schema<'a> {
            name: &'a str,
            schema: &'a Value,
            #[serde(skip_serializing_if = "Option::is_none")]
            strict: Option<bool>,
        }
        let mut map = to.serialize_map(None)?;
        match self.format {
            ResponseFormat::JsonSchema { name, schema } if self.dialect.json_schema => {
                map.serialize_entry("type", "json_schema")?;
                let strict = is_strict(schema).then_some(true);
                map.serialize_entry("json_schema", &Schema { name, schema, strict })?;
            }
            _ => map.serialize_entry("type", "json_object")?,
        }
        map.end()
    }
}

/// Whether OpenAI's strict mode takes the schema: every object closed and all its properties required.
///
/// A schema that is not so is sent without `strict`, where the endpoint would refuse the request otherwise.
fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Array(list) => list.iter().all(is_strict),
        Value::Object(map) => {
            let Some(Value::Object(properties)) = map.get("properties") else {
                return map.get("type").is_none_or(|kind| kind != "object") && map.values().all(is_strict);
            };
            let required = map.get("required").and_then(Value::as_array).map_or(0, Vec::len);
            let closed = map.get("additionalProperties") == Some(&Value::Bool(false));
            closed
                && required == properties.len()
                && properties.values().all(is_strict)
                && map.iter().filter(|(name, _)| *name != "properties").all(|(_, value)| is_strict(value))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests;
