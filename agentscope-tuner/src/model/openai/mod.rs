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
    http::{Target, Transport},
    next_call,
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
        let answer = self.transport.whole(sent).await?;
        let parts = self.read(&answer)?.parts();
        let parts =
            parts.ok_or_else(|| self.transport.site().protocol("the answer holds no choice", &answer))?;
        self.finished(parts, next_call(&request.messages))
    }

    fn body<'a>(
        &'a self,
        request: &'a ChatRequest,
        preface: Option<&'a str>,
        stream: bool,
    ) -> request::Body<'a> {
        request::Body { request, name: &self.id().name, dialect: &self.dialect, stream, preface }
    }

    /// A completion, or a chunk of one.
    fn read<'a>(&self, body: &'a [u8]) -> Result<response::Completion<'a>> {
        let site = self.transport.site();
        let read: response::Completion<'_> = site.parse(body, "chat completion")?;
        if read.error.is_some() { Err(site.error_object(body)) } else { Ok(read) }
    }

    fn finished(&self, parts: parts::Parts, next_call: usize) -> Result<ChatResponse> {
        match parts.finish.as_deref() {
            // DeepSeek and OpenRouter say with status 200 that the server broke off.
            Some(reason @ ("insufficient_system_resource" | "error")) => {
                let what = format!("the server broke the answer off ({reason})");
                Err(self.transport.site().error(ModelFailure::Server, what))
            }
            _ => Ok(parts.into_response(next_call)),
        }
    }

    async fn events(&self, request: &ChatRequest) -> Result<ChatStream> {
        let preface = request::preface(request, &self.dialect);
        let sent = self.transport.request(&self.url, &self.body(request, preface.as_deref(), true))?;
        let events = self.transport.events(sent).await?;
        let client = Self { transport: self.transport.clone(), url: self.url.clone(), ..*self };
        let next_call = next_call(&request.messages);
        Ok(assembled(events, Streamed { client, assembler: Default::default(), next_call }))
    }
}

/// A streamed answer with the client that reads it.
struct Streamed {
    client: OpenAi,
    assembler: stream::Assembler,
    next_call: usize,
}

impl Assemble for Streamed {
    fn take(&mut self, data: &str, ready: &mut VecDeque<ChatEvent>) -> Result<bool> {
        match data.trim() {
            "[DONE]" => Ok(true),
            "" => Ok(false),
            data => {
                self.assembler.take(self.client.read(data.as_bytes())?, ready);
                Ok(false)
            }
        }
    }

    fn finish(self) -> Result<ChatResponse> {
        if !self.assembler.is_complete() {
            return Err(self.client.transport.site().cut());
        }
        self.client.finished(self.assembler.into_parts(), self.next_call)
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
