//! Conversations as chat templates take them.

use policy::chat::{ChatTemplate, Conversation};
use serde_json::{Map, Value, json};

use super::{policy, refused};
use crate::{
    error::{Error, ErrorKind, ModelFailure, Result},
    message::{Block, Msg, Role, ToolResult},
    model::{ChatRequest, ToolSpec},
};

/// The text of the conversation, up to where the answer begins.
pub(super) fn render(
    template: &ChatTemplate,
    said: &[Msg],
    tools: &[ToolSpec],
    variables: Map<String, Value>,
) -> Result<String> {
    let mut messages = Vec::with_capacity(said.len());
    for msg in said {
        push(&mut messages, msg)?;
    }
    let tools: Vec<Value> = tools.iter().map(tool).collect();
    let conversation = Conversation {
        messages: &messages,
        tools: (!tools.is_empty()).then_some(&tools),
        add_generation_prompt: true,
        variables,
    };
    template.render(&conversation).map_err(refused)
}

/// `chat_template_kwargs`, as vLLM calls them, and what the reasoning effort says.
pub(super) fn variables(request: &ChatRequest) -> Map<String, Value> {
    let given = request.sampling.extra.get("chat_template_kwargs").and_then(Value::as_object);
    let mut variables = given.cloned().unwrap_or_default();
    if let Some(effort) = &request.sampling.reasoning_effort {
        variables.entry("enable_thinking").or_insert_with(|| (effort != "none").into());
        variables.entry("reasoning_effort").or_insert_with(|| effort.clone().into());
    }
    variables
}

fn tool(spec: &ToolSpec) -> Value {
    let function =
        json!({ "name": spec.name, "description": spec.description, "parameters": spec.parameters });
    json!({ "type": "function", "function": function })
}

/// One message becomes several where it carries results of tools.
fn push(messages: &mut Vec<Value>, msg: &Msg) -> Result<()> {
    for result in msg.tool_results() {
        let content = text(&result.output)?;
        let ToolResult { id, name, .. } = result;
        messages.push(json!({ "role": "tool", "name": name, "tool_call_id": id, "content": content }));
    }
    let spoken = text(&msg.content)?;
    let calls: Vec<Value> = msg
        .tool_uses()
        .map(|call| {
            let function = json!({ "name": call.name, "arguments": call.input });
            json!({ "id": call.id, "type": "function", "function": function })
        })
        .collect();
    if spoken.is_empty() && calls.is_empty() && msg.tool_results().next().is_some() {
        return Ok(());
    }
    let role = match msg.role {
        Role::System => "system",
        Role::User | Role::Tool => "user",
        Role::Assistant => "assistant",
    };
    let mut message = json!({ "role": role, "content": spoken });
    let thoughts: Vec<&str> = msg.content.iter().filter_map(as_thinking).collect();
    if !thoughts.is_empty() {
        message["reasoning_content"] = thoughts.join("\n").into();
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    messages.push(message);
    Ok(())
}

fn as_thinking(block: &Block) -> Option<&str> {
    match block {
        Block::Thinking { thinking, .. } => Some(thinking),
        _ => None,
    }
}

/// The text of the blocks, joined by line breaks.
fn text(blocks: &[Block]) -> Result<String> {
    let mut texts = Vec::new();
    for block in blocks {
        match block {
            Block::Text { text } => texts.push(text.as_str()),
            Block::Image { .. } | Block::Audio { .. } | Block::Video { .. } => {
                let message =
                    "an embedded model reads text alone; leave media out, or use a model at an endpoint";
                return Err(Error::new(ErrorKind::Model(ModelFailure::Request), message));
            }
            _ => {}
        }
    }
    Ok(texts.join("\n"))
}
