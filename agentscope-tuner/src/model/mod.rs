//! Chat models: one trait, one request, one response, whatever the provider.

mod anthropic;
mod assemble;
mod build;
mod builder;
pub mod cassette;
pub(crate) mod device;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod endpoint;
mod gemini;
mod http;
pub(crate) mod json;
mod openai;
mod provider;
mod request;
mod response;
#[cfg(feature = "rig")]
pub mod rig;
pub mod scripted;
#[cfg(feature = "embedded")]
pub mod served;
mod spec;
mod usage;

pub use builder::{ModelBuilder, anthropic, dashscope, deepseek, gemini, ollama, openai, vllm};
pub use device::{Device, Precision};
pub use provider::{ProviderEntry, provider_names};
pub use request::{ChatRequest, ResponseFormat, Sampling, ToolChoice, ToolSpec};
pub use response::{ChatEvent, ChatResponse, ChatStream, FinishReason, TokenLogprob, TokenTrace};
pub use spec::{Env, ModelSpec};
pub use usage::{Price, Usage, Usd};

use std::{fmt, sync::Arc};

use futures_util::{StreamExt as _, future::BoxFuture, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    error::{Error, ErrorKind, ModelFailure, Result},
    message::Msg,
};

/// What a chat model is: something that answers a conversation.
///
/// Implementations make one attempt and classify its failure as
/// [`ErrorKind::Model`]; waiting, retrying and counting happen around them.
pub trait ChatModel: Send + Sync + 'static {
    /// Which model at which endpoint this is. Never holds a secret.
    fn id(&self) -> &ModelId;

    /// Answers `request`.
    fn chat<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>>;

    /// Answers `request` piece by piece; the last event is [`ChatEvent::Done`].
    ///
    /// The default waits for the whole answer and gives it as one piece.
    fn stream<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatStream>> {
        Box::pin(async move {
            let response = self.chat(request).await?;
            let text = Ok(ChatEvent::Text(response.message.text()));
            Ok(stream::iter([text, Ok(ChatEvent::Done(Box::new(response)))]).boxed())
        })
    }

    /// Whether a seed makes the answer reproducible here, so that the engine sends one.
    fn takes_seed(&self) -> bool {
        false
    }
}

/// Which model at which endpoint, under which key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ModelId {
    /// The protocol or preset, such as `openai` or `scripted`.
    pub provider: String,
    /// Base URL, or a file, or nothing for models inside this process.
    pub endpoint: String,
    /// The model's name at the endpoint.
    pub name: String,
    /// Fingerprint of the API key: equal keys share their rate limits. Not part of a cache key.
    #[serde(skip)]
    pub key: u64,
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.provider, self.name)
    }
}

/// A model as workflows receive it: cheap to clone, with the sampling settings of its slot.
#[derive(Clone)]
pub struct Model {
    client: Arc<dyn ChatModel>,
    sampling: Arc<Sampling>,
}

impl Model {
    /// A handle on `client`.
    pub fn new(client: impl ChatModel) -> Self {
        Self::from_arc(Arc::new(client))
    }

    /// A handle on a shared client.
    pub fn from_arc(client: Arc<dyn ChatModel>) -> Self {
        Self { client, sampling: Arc::default() }
    }

    /// The same model with `sampling` wherever a request leaves a setting open.
    #[must_use]
    pub fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = Arc::new(sampling.or(&self.sampling));
        self
    }

    /// A handle on `client` with settings that others share.
    pub(crate) fn sharing(client: Arc<dyn ChatModel>, sampling: Arc<Sampling>) -> Self {
        Self { client, sampling }
    }

    /// Which model this is.
    pub fn id(&self) -> &ModelId {
        self.client.id()
    }

    /// The client below, without the slot's sampling settings.
    pub fn client(&self) -> &Arc<dyn ChatModel> {
        &self.client
    }

    /// The settings that fill what a request leaves open.
    pub fn sampling(&self) -> &Sampling {
        &self.sampling
    }

    /// Answers `request`.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when the endpoint fails, [`ErrorKind::Limit`] when a limit or budget is reached.
    pub async fn chat(&self, request: &ChatRequest) -> Result<ChatResponse> {
        let filled = request.filled(&self.sampling);
        self.client.chat(filled.as_deref().unwrap_or(request)).await
    }

    /// Answers `request` piece by piece.
    ///
    /// # Errors
    /// As [`chat`](Self::chat), at the start or in the middle of the stream.
    pub async fn stream(&self, request: &ChatRequest) -> Result<ChatStream> {
        let filled = request.filled(&self.sampling);
        self.client.stream(filled.as_deref().unwrap_or(request)).await
    }

    /// Asks one question and returns the text of the answer.
    ///
    /// # Errors
    /// As [`chat`](Self::chat).
    pub async fn ask(&self, question: impl Into<String>) -> Result<String> {
        // Filled in here, the settings need no copy of the request.
        let sampling = self.sampling().clone();
        let request = ChatRequest { sampling, ..ChatRequest::new([Msg::user(question)]) };
        Ok(self.chat(&request).await?.message.text())
    }

    /// Answers `request` with a value of `T`, whose JSON schema constrains the answer.
    ///
    /// # Errors
    /// As [`chat`](Self::chat); [`ModelFailure::Protocol`] names the field when the answer does not fit `T`.
    pub async fn structured<T: JsonSchema + DeserializeOwned>(&self, request: ChatRequest) -> Result<T> {
        let request = request.response_format(ResponseFormat::of::<T>());
        let text = self.chat(&request).await?.message.text();
        parse_structured(&text)
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("id", self.id()).field("sampling", &self.sampling).finish()
    }
}

impl<M: ChatModel> From<M> for Model {
    fn from(client: M) -> Self {
        Self::new(client)
    }
}

/// The id of the call of this number, for providers that give calls none.
fn call_id(number: usize) -> String {
    format!("call_{number}")
}

/// The first number whose [`call_id`], like those of all numbers after it, no call of the conversation has.
fn next_call(messages: &[Msg]) -> usize {
    let calls = messages.iter().flat_map(Msg::tool_uses);
    let numbers = calls.filter_map(|call| call.id.strip_prefix("call_")?.parse::<usize>().ok());
    numbers.max().map_or(0, |last| last.saturating_add(1))
}

/// Reads a structured answer, naming the field that does not fit.
pub(crate) fn parse_structured<T: DeserializeOwned>(text: &str) -> Result<T> {
    let mut json = serde_json::Deserializer::from_str(unfenced(text));
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        Error::new(
            ErrorKind::Model(ModelFailure::Protocol),
            format!("the structured answer does not fit its schema at `{path}`: {}", error.inner()),
        )
    })
}

/// The content of a Markdown code fence, which models without structured output like to add.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let Some(fenced) = text.strip_prefix("```") else { return text };
    let body = fenced.split_once('\n').map_or(fenced, |(_, body)| body);
    body.trim_end().strip_suffix("```").unwrap_or(body).trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Block, Role, ToolUse};

    #[test]
    fn calls_without_an_id_get_one_that_no_other_call_of_the_conversation_has() {
        let call = |id: &str| {
            let call = ToolUse { id: id.to_owned(), name: "add".into(), input: serde_json::Value::Null };
            Msg::new(Role::Assistant, vec![Block::ToolUse(call)])
        };
        assert_eq!(next_call(&[]), 0);
        // Of a longer conversation, of which the beginning was forgotten; then from an endpoint that gives ids.
        let messages = [call("call_7"), Msg::user("and?"), call("call_abc"), call("toolu_9")];
        assert_eq!(call_id(next_call(&messages)), "call_8");
    }

    #[test]
    fn a_fence_around_a_structured_answer_is_removed() {
        assert_eq!(unfenced("```json\n{\"a\": 1}\n```"), "{\"a\": 1}");
        assert_eq!(unfenced(" {\"a\": 1} "), "{\"a\": 1}");
    }

    #[test]
    fn a_structured_answer_that_does_not_fit_names_the_field() {
        #[derive(Debug, serde::Deserialize)]
        struct Grade {
            #[allow(dead_code)]
            score: f64,
        }
        let error = parse_structured::<Grade>(r#"{"score": "high"}"#).unwrap_err();
        assert!(error.to_string().contains("`score`"), "{error}");
    }
}
