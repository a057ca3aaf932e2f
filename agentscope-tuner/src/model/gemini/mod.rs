//! `generateContent`, the protocol of Google's Gemini API.

mod content;
mod request;
mod response;

use std::{collections::VecDeque, sync::Arc};

use futures_util::future::BoxFuture;
use reqwest::{Url, header::HeaderName};

use self::{
    request::Body,
    response::{Draft, Generated},
};
use super::{
    ChatEvent, ChatModel, ChatRequest, ChatResponse, ChatStream, ModelId,
    assemble::{Assemble, assembled},
    http::{Target, Transport},
    next_call,
};
use crate::error::{ModelFailure, Result};

/// One model at one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Gemini {
    transport: Arc<Transport>,
    whole: Url,
    pieces: Url,
    takes_seed: bool,
}

impl Gemini {
    pub(crate) fn new(target: Target<'_>, takes_seed: bool) -> Result<Self> {
        let key_header = (HeaderName::from_static("x-goog-api-key"), "");
        let name = target.name.trim_start_matches("models/").to_owned();
        let transport = Arc::new(Transport::new(Target { key_header, ..target })?);
        let whole = transport.url(&format!("models/{name}:generateContent"))?;
        let pieces = transport.url(&format!("models/{name}:streamGenerateContent?alt=sse"))?;
        Ok(Self { transport, whole, pieces, takes_seed })
    }

    async fn answer(&self, request: &ChatRequest) -> Result<ChatResponse> {
        let sent = self.transport.request(&self.whole, &Body(request))?;
        let answer = self.transport.whole(sent).await?;
        let mut draft = Draft::after(next_call(&request.messages));
        draft.take(self.read(&answer)?);
        if draft.stopped().is_none() {
            return Err(self.transport.site().protocol("the answer holds no candidate", &answer));
        }
        self.finished(draft)
    }

    async fn events(&self, request: &ChatRequest) -> Result<ChatStream> {
        let sent = self.transport.request(&self.pieces, &Body(request))?;
        let events = self.transport.events(sent).await?;
        let draft = Draft::after(next_call(&request.messages));
        Ok(assembled(events, Streamed { client: self.clone(), draft, calls: 0 }))
    }

    fn read(&self, body: &[u8]) -> Result<Generated> {
        let site = self.transport.site();
        let chunk: Generated = site.parse(body, "generated content")?;
        if chunk.error.is_some() {
            return Err(site.error_object(body));
        }
        let blocked = chunk.prompt_feedback.as_ref().and_then(|feedback| feedback.block_reason.as_deref());
        if let Some(reason) = blocked.filter(|_| chunk.candidates.is_empty()) {
            let what = format!("the provider's safety filter refused the prompt ({reason})");
            return Err(site.error(ModelFailure::Refused, what));
        }
        Ok(chunk)
    }

    fn finished(&self, draft: Draft) -> Result<ChatResponse> {
        match draft.stopped() {
            Some(reason @ ("MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "OTHER")) => {
                let what = format!("the model broke its answer off ({reason})");
                Err(self.transport.site().error(ModelFailure::Protocol, what))
            }
            _ => Ok(draft.into_response()),
        }
    }
}

/// A streamed answer with the client that reads it.
struct Streamed {
    client: Gemini,
    draft: Draft,
    calls: usize,
}

impl Assemble for Streamed {
    fn take(&mut self, data: &str, ready: &mut VecDeque<ChatEvent>) -> Result<bool> {
        let chunk = self.client.read(data.as_bytes())?;
        for part in chunk.candidates.iter().take(1).flat_map(|candidate| &candidate.content.parts) {
            let text = part.text.clone().unwrap_or_default();
            if let Some(call) = &part.function_call {
                let arguments = call.args.as_ref().map_or_else(|| "{}".into(), ToString::to_string);
                let (index, name) = (self.calls, Some(call.name.clone()));
                self.calls += 1;
                ready.push_back(ChatEvent::ToolUse { index, name, arguments });
            } else if !text.is_empty() {
                ready.push_back(if part.thought { ChatEvent::Thinking(text) } else { ChatEvent::Text(text) });
            }
        }
        self.draft.take(chunk);
        Ok(false)
    }

    fn finish(self) -> Result<ChatResponse> {
        if self.draft.stopped().is_none() {
            return Err(self.client.transport.site().cut());
        }
        self.client.finished(self.draft)
    }
}

impl ChatModel for Gemini {
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

#[cfg(test)]
mod tests;
