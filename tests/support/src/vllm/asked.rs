//! What is asked for: the conversation, its tools and how to sample.

use agentscope_tuner::{
    message::{Block, Msg, Role, ToolResult, ToolUse},
    model::{ChatRequest, Sampling, ToolSpec},
};
use serde_json::Value;

/// The request of this body.
pub(super) fn request(body: &Value) -> ChatRequest {
    let mut request = ChatRequest::new(items(&body["messages"]).map(message)).logprobs(0);
    request.tools = items(&body["tools"]).map(|tool| self::tool(&tool["function"])).collect();
    let extra = ["min_p", "repetition_penalty"].map(|name| (name.to_owned(), body[name].clone()));
    request.sampling = Sampling {
        temperature: body["temperature"].as_f64(),
        top_p: body["top_p"].as_f64(),
        max_tokens: body["max_tokens"].as_u64().and_then(|most| u32::try_from(most).ok()),
        seed: body["seed"].as_u64(),
        extra: extra.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        ..Sampling::default()
    };
    request
}

fn message(message: &Value) -> Msg {
    let text = message["content"].as_str().unwrap_or_default();
    match message["role"].as_str() {
        Some("system") => Msg::system(text),
        Some("assistant") => {
            let said = Some(text).filter(|text| !text.is_empty()).map(Block::text);
            Msg::new(
                Role::Assistant,
                said.into_iter().chain(items(&message["tool_calls"]).map(call)).collect(),
            )
        }
        Some("tool") => {
            // Nobody who renders a conversation looks at the name.
            let (id, name) = (word(&message["tool_call_id"]), String::new());
            Msg::tool([ToolResult { id, name, output: vec![Block::text(text)], is_error: false }])
        }
        _ => Msg::user(text),
    }
}

fn call(call: &Value) -> Block {
    let function = &call["function"];
    let arguments = function["arguments"].as_str().unwrap_or_default();
    let input = serde_json::from_str(arguments).unwrap_or_else(|_| arguments.into());
    Block::ToolUse(ToolUse { id: word(&call["id"]), name: word(&function["name"]), input })
}

fn tool(function: &Value) -> ToolSpec {
    let (name, description) = (word(&function["name"]).into(), word(&function["description"]).into());
    ToolSpec { name, description, parameters: function["parameters"].clone() }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
