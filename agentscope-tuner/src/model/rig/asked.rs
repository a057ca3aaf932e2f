//! A request of this crate as a request of rig.

use rig_core::{
    completion::{
        AssistantContent, CompletionRequest, Effort, GenerationOptions, Message, Reasoning, ToolDefinition,
        message::{
            CallId, ImageMediaType, MimeType as _, ToolCall, ToolChoice as RigChoice, ToolFunction, ToolName,
            ToolResult as RigResult, ToolResultContent, UserContent,
        },
    },
    message::AssistantMessage,
};
use serde_json::{Map, Value, json};

use crate::{
    error::{Error, ModelFailure, Result},
    message::{Block, MediaSource, Msg, Role, ToolResult, ToolUse},
    model::{ChatRequest, ResponseFormat, Sampling, ToolChoice, http::Site},
};

/// `request` in rig's form.
pub(super) fn request(request: &ChatRequest, site: &Site) -> Result<CompletionRequest> {
    if request.logprobs.is_some() {
        let what = "log-probabilities do not come through rig: use a provider of this crate";
        return Err(refused(site, what));
    }
    let mut history = Vec::with_capacity(request.messages.len());
    for msg in &request.messages {
        history.push(message(msg, site)?);
    }
    let Some(last) = history.pop() else {
        return Err(refused(site, "the conversation is empty: send a message"));
    };
    let sampling = &request.sampling;
    let mut more = extra(sampling);
    let mut asked = CompletionRequest::new(last)
        .messages(history)
        .tools(tools(request, site)?)
        .temperature(sampling.temperature)
        .max_tokens(sampling.max_tokens.map(u64::from))
        .options(options(request, site)?);
    asked.tool_choice = choice(request, site)?;
    match &request.response_format {
        None => {}
        Some(ResponseFormat::JsonObject) => {
            more.insert("response_format".into(), json!({ "type": "json_object" }));
        }
        Some(ResponseFormat::JsonSchema { name, schema }) => {
            asked.output_schema = Some(titled(name, schema, site)?);
        }
    }
    asked.additional_params = (!more.is_empty()).then_some(Value::Object(more));
    Ok(asked)
}

fn refused(site: &Site, what: impl AsRef<str>) -> Error {
    site.error(ModelFailure::Request, what)
}

fn message(msg: &Msg, site: &Site) -> Result<Message> {
    Ok(match msg.role {
        Role::System => Message::system(msg.text()),
        Role::User | Role::Tool => {
            let content: Result<Vec<_>> = msg.content.iter().map(|block| said(block, site)).collect();
            Message::User { content: content? }
        }
        Role::Assistant => {
            let content: Result<Vec<_>> = msg.content.iter().map(|block| spoken(block, site)).collect();
            let mut content = content?;
            if content.is_empty() {
                // Rig refuses a turn without content.
                content.push(AssistantContent::text(""));
            }
            Message::Assistant(AssistantMessage::new(content))
        }
    })
}

fn said(block: &Block, site: &Site) -> Result<UserContent> {
    match block {
        Block::Text { text } => Ok(UserContent::text(text)),
        Block::ToolResult(answer) => Ok(UserContent::ToolResult(result(answer, site)?)),
        Block::Image { source: MediaSource::Url { url } } => Ok(UserContent::image_url(url, None, None)),
        Block::Image { source: MediaSource::Base64 { media_type, data } } => {
            Ok(UserContent::image_base64(data, ImageMediaType::from_mime_type(media_type), None))
        }
        other => Err(unsupported(other, site)),
    }
}

fn spoken(block: &Block, site: &Site) -> Result<AssistantContent> {
    match block {
        Block::Text { text } => Ok(AssistantContent::text(text)),
        Block::Thinking { thinking, .. } => Ok(AssistantContent::reasoning(thinking)),
        Block::ToolUse(call) => Ok(AssistantContent::ToolCall(tool_call(call, site)?)),
        other => Err(unsupported(other, site)),
    }
}

fn unsupported(block: &Block, site: &Site) -> Error {
    let kind = match block {
        Block::Audio { .. } => "sound",
        Block::Video { .. } => "film",
        Block::Image { .. } => "picture of the assistant's",
        _ => "block at this place",
    };
    refused(site, format!("a {kind} cannot be sent through rig: use a provider of this crate"))
}

fn tool_call(call: &ToolUse, site: &Site) -> Result<ToolCall> {
    let name = tool_name(&call.name, site)?;
    let function = match &call.input {
        // What the model wrote was no JSON: it goes back as it was.
        Value::String(raw) => ToolFunction::parse(name, raw),
        input => ToolFunction::new(name, input.clone()),
    };
    Ok(ToolCall::from_wire(&call.id, function))
}

fn result(answer: &ToolResult, site: &Site) -> Result<RigResult> {
    let call = ToolCall::new(
        CallId::from_wire(&answer.id),
        ToolFunction::new(tool_name(&answer.name, site)?, json!({})),
    );
    let content = answer.output.iter().map(|block| match block {
        Block::Text { text } => Ok(ToolResultContent::text(text)),
        Block::Image { source: MediaSource::Url { url } } => {
            Ok(ToolResultContent::image_url(url, None, None))
        }
        Block::Image { source: MediaSource::Base64 { media_type, data } } => {
            Ok(ToolResultContent::image_base64(data, ImageMediaType::from_mime_type(media_type), None))
        }
        other => Err(unsupported(other, site)),
    });
    let mut content = content.collect::<Result<Vec<_>>>()?;
    if content.is_empty() {
        content.push(ToolResultContent::text(""));
    }
    Ok(if answer.is_error { call.error_result(content) } else { call.result(content) })
}

fn tool_name(name: &str, site: &Site) -> Result<ToolName> {
    ToolName::new(name).map_err(|error| refused(site, error.to_string()))
}

fn tools(request: &ChatRequest, site: &Site) -> Result<Vec<ToolDefinition>> {
    let tools = request.tools.iter().map(|tool| {
        let name = tool_name(&tool.name, site)?;
        Ok(ToolDefinition::new(name, &*tool.description, tool.parameters.clone()))
    });
    tools.collect()
}

fn choice(request: &ChatRequest, site: &Site) -> Result<Option<RigChoice>> {
    Ok(match &request.tool_choice {
        ToolChoice::Auto => None,
        ToolChoice::None => Some(RigChoice::None),
        ToolChoice::Required => Some(RigChoice::Required),
        ToolChoice::Tool(name) => Some(RigChoice::Specific { function_names: vec![tool_name(name, site)?] }),
    })
}

fn options(request: &ChatRequest, site: &Site) -> Result<GenerationOptions> {
    let sampling = &request.sampling;
    let mut options = GenerationOptions::new().stop(sampling.stop.iter().cloned());
    options.top_p = sampling.top_p;
    options.seed = sampling.seed;
    options.parallel_tool_calls = request.parallel_tool_calls;
    options.reasoning = sampling.reasoning_effort.as_deref().map(|word| effort(word, site)).transpose()?;
    Ok(options)
}

fn effort(word: &str, site: &Site) -> Result<Reasoning> {
    use Effort::{High, Low, Max, Medium, Minimal, XHigh};
    if word == "none" {
        return Ok(Reasoning::Off);
    }
    let known = [Minimal, Low, Medium, High, XHigh, Max];
    known.into_iter().find(|effort| effort.as_str() == word).map(Reasoning::Effort).ok_or_else(|| {
        let words = known.map(|effort| effort.as_str()).join(", ");
        refused(site, format!("reasoning-effort `{word}` is none of rig's: none, {words}"))
    })
}

/// Settings for which rig has no name; they go to the provider as they are.
fn extra(sampling: &Sampling) -> Map<String, Value> {
    let mut extra = sampling.extra.clone();
    let named = [
        ("top_k", sampling.top_k.map(Value::from)),
        ("presence_penalty", sampling.presence_penalty.map(Value::from)),
        ("frequency_penalty", sampling.frequency_penalty.map(Value::from)),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            extra.insert(name.into(), value);
        }
    }
    extra
}

/// Rig reads the name of a schema from its title.
fn titled(name: &str, schema: &Value, site: &Site) -> Result<schemars::Schema> {
    let mut schema = schema.clone();
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("title".into(), name.into());
    }
    schemars::Schema::try_from(schema).map_err(|error| refused(site, format!("the schema is none: {error}")))
}
