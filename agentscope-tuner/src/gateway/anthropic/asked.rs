//! The body of a request.

use serde::Deserialize;
use serde_json::Value;

use super::content::{System, Turn, messages};
use crate::model::{ChatRequest, Sampling, ToolChoice, ToolSpec};

/// A request that was understood.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) model: String,
    pub(super) stream: bool,
    pub(super) request: ChatRequest,
}

/// Every field that means something; others, such as marks for the provider's cache, are let pass.
#[derive(Deserialize)]
struct Body {
    model: String,
    max_tokens: u32,
    messages: Vec<Turn>,
    system: Option<System>,
    #[serde(default)]
    tools: Vec<WireTool>,
    tool_choice: Option<WireChoice>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u32>,
    #[serde(default)]
    stop_sequences: Vec<String>,
    #[serde(default)]
    stream: bool,
    thinking: Option<WireThinking>,
}

#[derive(Deserialize)]
struct WireTool {
    name: String,
    #[serde(default)]
    description: String,
    /// Tools that the provider runs itself have none.
    input_schema: Value,
}

#[derive(Deserialize)]
struct WireChoice {
    r#type: ChoiceKind,
    name: Option<String>,
    disable_parallel_tool_use: Option<bool>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ChoiceKind {
    Auto,
    Any,
    Tool,
    None,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum WireThinking {
    Enabled { budget_tokens: u32 },
    Adaptive,
    Disabled,
}

impl Asked {
    /// Reads a body; the error says where it is wrong.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let body: Body = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            format!("the body is no request for a message, at `{}`: {}", error.path(), error.inner())
        })?;
        body.understood()
    }
}

impl Body {
    fn understood(self) -> Result<Asked, String> {
        let sampling = self.sampling()?;
        let parallel = self.tool_choice.as_ref().and_then(|choice| choice.disable_parallel_tool_use);
        let request = ChatRequest {
            messages: messages(self.system, self.messages)?,
            tools: self.tools.into_iter().map(ToolSpec::from).collect(),
            tool_choice: self.tool_choice.map(WireChoice::understood).transpose()?.unwrap_or_default(),
            parallel_tool_calls: parallel.map(|disabled| !disabled),
            sampling,
            ..ChatRequest::default()
        };
        Ok(Asked { model: self.model, stream: self.stream, request })
    }

    fn sampling(&self) -> Result<Sampling, String> {
        let sampling = Sampling {
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            max_tokens: Some(self.max_tokens),
            stop: self.stop_sequences.clone(),
            reasoning_effort: self.thinking.as_ref().and_then(WireThinking::effort).map(str::to_owned),
            ..Sampling::default()
        };
        let faults = sampling.faults();
        if faults.is_empty() { Ok(sampling) } else { Err(faults.join("; ")) }
    }
}

impl WireThinking {
    /// The word that other providers take for a number of tokens.
    fn effort(&self) -> Option<&'static str> {
        match self {
            Self::Disabled => Some("none"),
            Self::Adaptive => None,
            Self::Enabled { budget_tokens: 0..2048 } => Some("low"),
            Self::Enabled { budget_tokens: 2048..8192 } => Some("medium"),
            Self::Enabled { .. } => Some("high"),
        }
    }
}

impl WireChoice {
    fn understood(self) -> Result<ToolChoice, String> {
        Ok(match self.r#type {
            ChoiceKind::Auto => ToolChoice::Auto,
            ChoiceKind::None => ToolChoice::None,
            ChoiceKind::Any => ToolChoice::Required,
            ChoiceKind::Tool => ToolChoice::Tool(self.name.ok_or("tool_choice: name is missing")?),
        })
    }
}

impl From<WireTool> for ToolSpec {
    fn from(tool: WireTool) -> Self {
        let WireTool { name, description, input_schema } = tool;
        Self { name: name.into(), description: description.into(), parameters: input_schema }
    }
}
