//! The body of a request.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::message::{WireMessage, messages};
use crate::model::{ChatRequest, ResponseFormat, Sampling, ToolChoice, ToolSpec};

/// Most choices of one request.
const MOST_CHOICES: usize = 128;

/// A request that was understood.
#[derive(Clone, Debug)]
pub(in crate::gateway) struct Asked {
    pub(in crate::gateway) model: String,
    pub(in crate::gateway) stream: bool,
    pub(in crate::gateway) include_usage: bool,
    pub(in crate::gateway) return_token_ids: bool,
    pub(in crate::gateway) choices: usize,
    request: ChatRequest,
}

/// Every field that means something; others are let pass, as OpenAI and vLLM do.
#[derive(Deserialize)]
struct Body {
    model: String,
    messages: Vec<WireMessage>,
    #[serde(default)]
    tools: Vec<WireTool>,
    tool_choice: Option<WireChoice>,
    parallel_tool_calls: Option<bool>,
    response_format: Option<WireFormat>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<i64>,
    min_p: Option<f64>,
    repetition_penalty: Option<f64>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
    stop: Option<Stop>,
    seed: Option<i64>,
    n: Option<usize>,
    reasoning_effort: Option<String>,
    chat_template_kwargs: Option<Map<String, Value>>,
    #[serde(default)]
    logprobs: Option<bool>,
    top_logprobs: Option<u8>,
    logit_bias: Option<Map<String, Value>>,
    #[serde(default)]
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    #[serde(default)]
    return_token_ids: Option<bool>,
}

#[derive(Deserialize)]
struct WireTool {
    function: WireFunction,
}

#[derive(Deserialize)]
struct WireFunction {
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    parameters: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireChoice {
    Word(Word),
    Named { function: Named },
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Auto,
    None,
    Required,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WireFormat {
    Text,
    JsonObject,
    JsonSchema { json_schema: WireSchema },
}

#[derive(Deserialize)]
struct WireSchema {
    name: String,
    #[serde(default)]
    schema: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

impl Asked {
    /// Reads a body; the error says where it is wrong.
    pub(in crate::gateway) fn read(body: &[u8]) -> Result<Self, String> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let body: Body = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            format!("the body is no chat completion request, at `{}`: {}", error.path(), error.inner())
        })?;
        body.understood()
    }

    /// The request of one of the choices: with a seed of its own, where there is one.
    pub(in crate::gateway) fn request(&self, choice: usize) -> ChatRequest {
        let mut request = self.request.clone();
        request.sampling.seed = request.sampling.seed.map(|seed| seed.wrapping_add(choice as u64));
        request
    }
}

impl Body {
    fn understood(self) -> Result<Asked, String> {
        let sampling = self.sampling()?;
        let choices = self.n.unwrap_or(1);
        if choices == 0 || choices > MOST_CHOICES {
            return Err(format!("n is {choices}, but must lie in [1, {MOST_CHOICES}]"));
        }
        let logprobs = self.logprobs == Some(true);
        if self.top_logprobs.is_some_and(|top| top > 20 || !logprobs) {
            return Err("top_logprobs must lie in [0, 20] and needs logprobs".into());
        }
        let request = ChatRequest {
            messages: messages(self.messages)?,
            tools: self.tools.into_iter().map(ToolSpec::from).collect(),
            tool_choice: self.tool_choice.map(ToolChoice::from).unwrap_or_default(),
            parallel_tool_calls: self.parallel_tool_calls,
            response_format: self.response_format.and_then(WireFormat::into_format),
            logprobs: logprobs.then(|| self.top_logprobs.unwrap_or(0)),
            sampling,
        };
        Ok(Asked {
            model: self.model,
            stream: self.stream == Some(true),
            include_usage: self.stream_options.and_then(|options| options.include_usage) == Some(true),
            return_token_ids: self.return_token_ids == Some(true),
            choices,
            request,
        })
    }

    fn sampling(&self) -> Result<Sampling, String> {
        if self.logit_bias.as_ref().is_some_and(|bias| !bias.is_empty()) {
            return Err("logit_bias is not supported; leave it out".into());
        }
        let mut extra = Map::new();
        let mut put =
            |name: &str, value: Option<Value>| extra.extend(value.map(|value| (name.into(), value)));
        put("min_p", self.min_p.map(Value::from));
        put("repetition_penalty", self.repetition_penalty.map(Value::from));
        put("chat_template_kwargs", self.chat_template_kwargs.clone().map(Value::from));
        let sampling = Sampling {
            temperature: self.temperature,
            top_p: self.top_p,
            // vLLM's clients say "all" with 0 or -1.
            top_k: self.top_k.filter(|k| *k > 0).map(|k| u32::try_from(k).unwrap_or(u32::MAX)),
            max_tokens: self.max_completion_tokens.or(self.max_tokens),
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            stop: match &self.stop {
                None => Vec::new(),
                Some(Stop::One(stop)) => vec![stop.clone()],
                Some(Stop::Several(stops)) => stops.clone(),
            },
            seed: self.seed.map(i64::cast_unsigned),
            reasoning_effort: self.reasoning_effort.clone(),
            extra,
        };
        let faults = sampling.faults();
        if faults.is_empty() { Ok(sampling) } else { Err(faults.join("; ")) }
    }
}

impl From<WireTool> for ToolSpec {
    fn from(tool: WireTool) -> Self {
        let WireFunction { name, description, parameters } = tool.function;
        let parameters =
            parameters.unwrap_or_else(|| serde_json::json!({ "type": "object", "properties": {} }));
        Self { name: name.into(), description: description.unwrap_or_default().into(), parameters }
    }
}

impl From<WireChoice> for ToolChoice {
    fn from(choice: WireChoice) -> Self {
        match choice {
            WireChoice::Word(Word::Auto) => Self::Auto,
            WireChoice::Word(Word::None) => Self::None,
            WireChoice::Word(Word::Required) => Self::Required,
            WireChoice::Named { function } => Self::Tool(function.name),
        }
    }
}

impl WireFormat {
    fn into_format(self) -> Option<ResponseFormat> {
        match self {
            Self::Text => None,
            Self::JsonObject => Some(ResponseFormat::JsonObject),
            Self::JsonSchema { json_schema: WireSchema { name, schema: Some(schema) } } => {
                Some(ResponseFormat::JsonSchema { name, schema })
            }
            Self::JsonSchema { .. } => Some(ResponseFormat::JsonObject),
        }
    }
}
