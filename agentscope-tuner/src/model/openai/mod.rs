//! Chat completions, the protocol of OpenAI that most endpoints speak.

mod content;
mod parts;
mod request;
mod response;
mod stream;

use std::{collections::VecDeque, sync::Arc};

use futures_util::future::BoxFuture;
use reqwest::{Url, header::AUTHORIZATION};

use super::{
    ChatEvent, ChatModel, ChatRequest, ChatResponse, ChatStream, ModelId,
    assemble::{Assemble, assembled},
    calls_in,
    http::{Target, Transport, shape},
};
use crate::error::{ModelFailure, Result};

/// How an endpoint departs from OpenAI.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dialect {
    /// The field for the most tokens of an answer.
    pub(crate) max_tokens: &'static str,
    pub(crate) thinking: Thinking,
    /// Whether `response_format` takes a schema.
    pub(crate) json_schema: bool,
    /// Whether reasoning that led to tool calls has to be sent back.
    pub(crate) echo_reasoning: bool,
}

/// How an endpoint is told how much to think.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Thinking {
    /// `reasoning_effort`.
    Effort,
    /// `enable_thinking`, off for the effort `none`.
    Switch,
}

impl Dialect {
    /// What nearly every compatible server understands.
    pub(crate) const COMPATIBLE: Self = Self {
        max_tokens: "max_tokens",
        thinking: Thinking::Effort,
        json_schema: true,
        echo_reasoning: false,
    };
}

/// One model at one endpoint.
#[derive(Debug)]
pub(crate) struct OpenAi {
    transport: Arc<Transport>,
    url: Url,
    dialect: Dialect,
    takes_seed: bool,
}

impl OpenAi {
    pub(crate) fn new(target: Target<'_>, dialect: Dialect, takes_seed: bool) -> Result<Self> {
        let transport =
            Arc::new(Transport::new(Target { key_header: (AUTHORIZATION, "Bearer "), ..target })?);
        let url = transport.url("chat/completions")?;
        Ok(Self { transport, url, dialect, takes_seed })
    }

    async fn answer(&self, request: &ChatRequest) -> Result<ChatResponse> {
        let preface = request::preface(request, &self.dialect);
        let sent = self.transport.request(&self.url, &self.body(request, preface.as_deref(), false))?;
        self.read(&self.transport.whole(sent).await?, calls_in(&request.messages))
    }

    fn body<'a>(
        &'a self,
        request: &'a ChatRequest,
        preface: Option<&'a str>,
        stream: bool,
    ) -> request::Body<'a> {
        request::Body { request, name: &self.id().name, dialect: &self.dialect, stream, preface }
    }

    fn read(&self, body: &[u8], earlier: usize) -> Result<ChatResponse> {
        let site = self.transport.site();
        let parsed: response::Completion<'_> = serde_json::from_slice(body).map_err(|error| {
            site.protocol("the answer is no chat completion", body).with_source(shape(&error))
        })?;
        if parsed.error.is_some() {
            return Err(site.error_object(body));
        }
        let parts = parsed.parts().ok_or_else(|| site.protocol("the answer holds no choice", body))?;
        self.finished(parts, earlier)
    }

    fn finished(&self, parts: parts::Parts, earlier: usize) -> Result<ChatResponse> {
        match parts.finish.as_deref() {
            // DeepSeek and OpenRouter say with status 200 that the server broke off.
            Some(reason @ ("insufficient_system_resource" | "error")) => {
                let what = format!("the server broke the answer off ({reason})");
                Err(self.transport.site().error(ModelFailure::Server, what))
            }
            _ => Ok(parts.into_response(earlier)),
        }
    }

    async fn events(&self, request: &ChatRequest) -> Result<ChatStream> {
        let preface = request::preface(request, &self.dialect);
        let sent = self.transport.request(&self.url, &self.body(request, preface.as_deref(), true))?;
        let events = self.transport.events(sent).await?;
        let client = Self { transport: self.transport.clone(), url: self.url.clone(), ..*self };
        let earlier = calls_in(&request.messages);
        Ok(assembled(events, Streamed { client, assembler: Default::default(), earlier }))
    }

    fn chunk(&self, data: &str) -> Result<stream::Chunk> {
        let site = self.transport.site();
        let chunk: stream::Chunk = serde_json::from_str(data).map_err(|error| {
            site.protocol("an event is no chunk of a completion", data.as_bytes()).with_source(shape(&error))
        })?;
        if chunk.error.is_some() {
            return Err(site.error_object(data.as_bytes()));
        }
        Ok(chunk)
    }
}

/// A streamed answer with the client that reads it.
struct Streamed {
    client: OpenAi,
    assembler: stream::Assembler,
    earlier: usize,
}

impl Assemble for Streamed {
    fn take(&mut self, data: &str, ready: &mut VecDeque<ChatEvent>) -> Result<bool> {
        match data.trim() {
            "[DONE]" => Ok(true),
            "" => Ok(false),
            data => {
                self.assembler.take(self.client.chunk(data)?, ready);
                Ok(false)
            }
        }
    }

    fn finish(self) -> Result<ChatResponse> {
        if !self.assembler.is_complete() {
            return Err(self.client.transport.site().error(ModelFailure::Protocol, "the stream was cut"));
        }
        self.client.finished(self.assembler.into_parts(), self.earlier)
    }
}

impl ChatModel for OpenAi {
    fn id(&self) -> &ModelId {
        &self.transport.site().id
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        Box::pin(self.answer(request))
    }

    fn stream<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatStream>> {
        Box::pin(self.events(request))
    }

    fn takes_seed(&self) -> bool {
        self.takes_seed
    }
}
