//! The request body of the Messages API.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::content::{system, turns};
use crate::model::{ChatRequest, ResponseFormat, ToolChoice, ToolSpec, json::Fields};

/// The API demands a bound; this is what the smallest of its models allows.
const MAX_TOKENS: u32 = 4096;

pub(super) struct Body<'a> {
    pub(super) request: &'a ChatRequest,
    pub(super) name: &'a str,
    pub(super) stream: bool,
}

/// The tool that stands for a JSON schema: its arguments are the answer. Works with every model of the API.
pub(super) fn answer_tool(request: &ChatRequest) -> Option<(&str, &Value)> {
    match &request.response_format {
        Some(ResponseFormat::JsonSchema { name, schema }) => Some((name, schema)),
        _ => None,
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let sampling = &self.request.sampling;
        let answer = answer_tool(self.request);
        // A demanded tool call and extended thinking exclude each other.
        let thinking = sampling.reasoning_effort.as_deref().and_then(budget).filter(|_| answer.is_none());
        let most = sampling.max_tokens.unwrap_or(MAX_TOKENS).saturating_add(thinking.unwrap_or_default());
        let mut fields = Fields::new(to.serialize_map(None)?, &sampling.extra);
        fields.put("model", self.name)?;
        fields.put("max_tokens", &most)?;
        fields.some("system", Some(self.system()).filter(|text| !text.is_empty()))?;
        fields.put("messages", &turns(&self.request.messages))?;
        let tools: Vec<_> =
            self.request.tools.iter().map(Tool::from).chain(answer.map(Tool::answer)).collect();
        if !tools.is_empty() {
            fields.put("tools", &tools)?;
            fields.some("tool_choice", self.tool_choice())?;
        }
        // Thinking allows no other temperature than its own.
        fields.some("temperature", sampling.temperature.filter(|_| thinking.is_none()))?;
        fields.some("top_p", sampling.top_p)?;
        fields.some("top_k", sampling.top_k.filter(|_| thinking.is_none()))?;
        fields.some("stop_sequences", (!sampling.stop.is_empty()).then_some(&sampling.stop))?;
        fields
            .some("thinking", thinking.map(|tokens| json!({"type": "enabled", "budget_tokens": tokens})))?;
        fields.some("stream", self.stream.then_some(true))?;
        fields.end()
    }
}

impl Body<'_> {
    fn system(&self) -> String {
        let mut text = system(&self.request.messages);
        if self.request.response_format == Some(ResponseFormat::JsonObject) {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str("Answer with one JSON object and nothing else.");
        }
        text
    }

    fn tool_choice(&self) -> Option<Value> {
        let request = self.request;
        let mut choice = match (&request.tool_choice, answer_tool(request)) {
            (_, Some((name, _))) if request.tools.is_empty() => json!({"type": "tool", "name": name}),
            (ToolChoice::Auto | ToolChoice::Required, Some(_)) => json!({"type": "any"}),
            (ToolChoice::None, Some((name, _))) => json!({"type": "tool", "name": name}),
            (ToolChoice::Auto, None) if request.parallel_tool_calls.is_none() => return None,
            (ToolChoice::Auto, None) => json!({"type": "auto"}),
            (ToolChoice::None, None) => return Some(json!({"type": "none"})),
            (ToolChoice::Required, None) => json!({"type": "any"}),
            (ToolChoice::Tool(name), _) => json!({"type": "tool", "name": name}),
        };
        if let Some(parallel) = request.parallel_tool_calls {
            choice["disable_parallel_tool_use"] = json!(!parallel);
        }
        Some(choice)
    }
}

/// Tokens of thought, for models that take a number where others take a word.
fn budget(effort: &str) -> Option<u32> {
    match effort {
        "none" => None,
        "minimal" | "low" => Some(1024),
        "medium" => Some(4096),
        _ => Some(16_384),
    }
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    description: Cow<'a, str>,
    input_schema: &'a Value,
}

impl<'a> From<&'a ToolSpec> for Tool<'a> {
    fn from(tool: &'a ToolSpec) -> Self {
        Self { name: &tool.name, description: (&*tool.description).into(), input_schema: &tool.parameters }
    }
}

impl<'a> Tool<'a> {
    fn answer((name, input_schema): (&'a str, &'a Value)) -> Self {
        Self { name, description: "Gives the final answer.".into(), input_schema }
    }
}
