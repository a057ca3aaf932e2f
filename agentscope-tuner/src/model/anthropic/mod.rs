//! The Messages API of Anthropic.

mod content;
mod request;
mod response;
mod stream;

use std::{collections::VecDeque, sync::Arc};

use futures_util::future::BoxFuture;
use reqwest::{Url, header::HeaderName};

use self::request::{Body, answer_tool};
use super::{
    ChatEvent, ChatModel, ChatRequest, ChatResponse, ChatStream, ModelId,
    assemble::{Assemble, assembled},
    http::{Target, Transport},
};
use crate::error::Result;

/// The version of the protocol that these files speak.
const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

/// One model at one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Anthropic {
    transport: Arc<Transport>,
    url: Url,
}

impl Anthropic {
    pub(crate) fn new(target: Target<'_>) -> Result<Self> {
        let mut headers = vec![(VERSION.0.to_owned(), VERSION.1.to_owned())];
        headers.extend_from_slice(target.headers);
        let key_header = (HeaderName::from_static("x-api-key"), "");
        let transport = Arc::new(Transport::new(Target { key_header, headers: &headers, ..target })?);
        let url = transport.url("messages")?;
        Ok(Self { transport, url })
    }

    async fn answer(&self, request: &ChatRequest) -> Result<ChatResponse> {
        let body = Body { request, name: &self.id().name, stream: false };
        let sent = self.transport.request(&self.url, &body)?;
        let answer = self.transport.whole(sent).await?;
        let site = self.transport.site();
        let message: response::Message = site.parse(&answer, "message")?;
        if message.content.is_none() {
            // Error objects have no content either.
            return Err(if answer.windows(7).any(|part| part == b"\"error\"") {
                site.error_object(&answer)
            } else {
                site.protocol("the answer holds no content", &answer)
            });
        }
        Ok(message.into_response(answer_tool(request).map(|(name, _)| name)))
    }

    async fn events(&self, request: &ChatRequest) -> Result<ChatStream> {
        let body = Body { request, name: &self.id().name, stream: true };
        let sent = self.transport.request(&self.url, &body)?;
        let events = self.transport.events(sent).await?;
        let answer_tool = answer_tool(request).map(|(name, _)| name.to_owned());
        Ok(assembled(events, Streamed { client: self.clone(), draft: Default::default(), answer_tool }))
    }
}

/// A streamed answer with the client that reads it.
struct Streamed {
    client: Anthropic,
    draft: stream::Draft,
    answer_tool: Option<String>,
}

impl Assemble for Streamed {
    fn take(&mut self, data: &str, ready: &mut VecDeque<ChatEvent>) -> Result<bool> {
        let site = self.client.transport.site();
        let event = site.parse(data.as_bytes(), "known event")?;
        if matches!(event, stream::Event::Error) {
            return Err(site.error_object(data.as_bytes()));
        }
        Ok(self.draft.take(event, self.answer_tool.as_deref(), ready))
    }

    fn finish(self) -> Result<ChatResponse> {
        let message = self.draft.finish().ok_or_else(|| self.client.transport.site().cut())?;
        Ok(message.into_response(self.answer_tool.as_deref()))
    }
}

impl ChatModel for Anthropic {
    fn id(&self) -> &ModelId {
        &self.transport.site().id
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        Box::pin(self.answer(request))
    }

    fn stream<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatStream>> {
        Box::pin(self.events(request))
    }
}

#[cfg(test)]
mod tests;
