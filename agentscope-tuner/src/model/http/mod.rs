//! One HTTP endpoint: what all protocols share.

mod base;
mod failure;
mod refusal;
mod retry_after;
mod secret;

pub(crate) use base::{base_url, header};
pub(crate) use failure::Site;
pub(crate) use secret::ApiKey;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use eventsource_stream::{Event, EventStreamError, Eventsource as _};
use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use reqwest::{
    Client, Method, Request, Response, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde::Serialize;

use crate::{
    error::{Error, ErrorKind, ModelFailure, Result},
    model::{ModelId, json},
};

/// The wait for a connection, and for the rest of a refusal.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer beyond which something else than a chat model is answering.
const LARGEST_BODY: usize = 64 << 20;

/// The data of server-sent events.
pub(crate) type Events = BoxStream<'static, Result<String>>;

type EventsOf<E> = BoxStream<'static, Result<Event, EventStreamError<E>>>;

/// What a client needs to know to reach its endpoint.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) provider: &'a str,
    pub(crate) name: &'a str,
    /// With or without a slash at its end.
    pub(crate) base_url: &'a str,
    pub(crate) base_ends_in: &'static str,
    pub(crate) key: ApiKey,
    /// The header of the key and what stands before it there.
    pub(crate) key_header: (HeaderName, &'static str),
    pub(crate) headers: &'a [(String, String)],
    pub(crate) timeout: Duration,
}

/// Posts JSON to one endpoint; every failure is classified.
#[derive(Debug)]
pub(crate) struct Transport {
    client: Client,
    base: Url,
    headers: HeaderMap,
    timeout: Duration,
    site: Site,
}

impl Transport {
    pub(crate) fn new(target: Target<'_>) -> Result<Self> {
        let base = base_url(target.base_url)?;
        let headers = base::headers(&target)?;
        let client = base::client(&base, target.timeout)?;
        let id = ModelId {
            provider: target.provider.to_owned(),
            endpoint: base.as_str().trim_end_matches('/').to_owned(),
            name: target.name.to_owned(),
            key: target.key.fingerprint(),
        };
        let site = Site { id, key: target.key, base_ends_in: target.base_ends_in };
        Ok(Self { client, base, headers, timeout: target.timeout, site })
    }

    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    /// The address of `path` below the base URL.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when `path` is no path, which only a strange model name can cause.
    pub(crate) fn url(&self, path: &str) -> Result<Url> {
        self.base.join(path).map_err(|error| {
            Error::new(ErrorKind::Config, format!("`{path}` is no path below {}", self.base))
                .with_source(error)
        })
    }

    /// Sends `request` and returns the whole answer of a success, within the time that the client allows.
    pub(crate) fn whole(&self, request: Request) -> impl Future<Output = Result<Bytes>> {
        // Not in the future: a request is large, and each future that it passes through would hold room for it.
        let sent = self.send(request);
        async move { self.body(sent.await?).await }
    }

    async fn body(&self, mut response: Response) -> Result<Bytes> {
        let first = self.chunk(&mut response).await?.unwrap_or_default();
        // Answers of a few kilobytes arrive in one piece, which then needs no copy.
        let Some(second) = self.chunk(&mut response).await? else { return Ok(first) };
        let mut all = Vec::with_capacity(2 * (first.len() + second.len()));
        all.extend_from_slice(&first);
        all.extend_from_slice(&second);
        while let Some(next) = self.chunk(&mut response).await? {
            all.extend_from_slice(&next);
            if all.len() > LARGEST_BODY {
                return Err(self.site.error(ModelFailure::Protocol, "the answer is larger than 64 MiB"));
            }
        }
        Ok(all.into())
    }

    /// Sends `request` and returns the data of the server-sent events of a success.
    ///
    /// The timeout bounds the wait for the head of the answer and for each event, not the whole answer.
    pub(crate) async fn events(self: &Arc<Self>, mut request: Request) -> Result<Events> {
        *request.timeout_mut() = Some(Duration::MAX);
        let sent = tokio::time::timeout(self.timeout, self.send(request));
        let response = sent.await.unwrap_or_else(|_| Err(self.too_slow()))?;
        let events_declared = response.headers().get(CONTENT_TYPE).is_some_and(is_event_stream);
        if !events_declared {
            return Err(self.not_events(response).await);
        }
        let start = (response.bytes_stream().eventsource().boxed(), self.clone());
        let next = |(mut events, this): (EventsOf<reqwest::Error>, Arc<Self>)| async move {
            let event = tokio::time::timeout(this.timeout, events.next()).await;
            let data = match event {
                Ok(event) => event?.map(|event| event.data).map_err(|error| this.broken(error)),
                Err(_) => Err(this.too_slow()),
            };
            Some((data, (events, this)))
        };
        Ok(stream::unfold(start, next).boxed())
    }

    fn broken(&self, error: EventStreamError<reqwest::Error>) -> Error {
        // A parse error quotes the stream, which may echo anything, so it is not kept.
        let what = match error {
            EventStreamError::Transport(error) => return self.site.transport(error),
            EventStreamError::Utf8(_) => "the stream is no UTF-8",
            EventStreamError::Parser(_) => "the stream holds an invalid event",
        };
        self.site.error(ModelFailure::Protocol, what)
    }

    /// A request that posts `body`, written once, straight from what it borrows.
    pub(crate) fn request(&self, url: &Url, body: &impl Serialize) -> Result<Request> {
        let body = json::bytes(body).map_err(|error| {
            self.site
                .error(ModelFailure::Request, "the request cannot be written for this provider")
                .with_source(error)
        })?;
        let mut request = Request::new(Method::POST, url.clone());
        *request.headers_mut() = self.headers.clone();
        *request.body_mut() = Some(body.into());
        Ok(request)
    }

    fn send(&self, request: Request) -> impl Future<Output = Result<Response>> {
        let sent = self.client.execute(request);
        async move {
            let response = sent.await.map_err(|error| self.site.transport(error))?;
            if response.status().is_success() {
                Ok(response)
            } else {
                Err(Box::pin(self.refused(response)).await)
            }
        }
    }

    async fn refused(&self, response: Response) -> Error {
        let (status, headers) = (response.status(), response.headers().clone());
        // A refusal whose body breaks off is still that refusal.
        let body = self.bounded(response).await;
        self.site.status(status, &headers, &body)
    }

    async fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>> {
        response.chunk().await.map_err(|error| self.site.transport(error))
    }

    /// As much of the body as an error message could want, within the time left.
    async fn bounded(&self, mut response: Response) -> Vec<u8> {
        let mut body = Vec::new();
        let read = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                body.extend_from_slice(&chunk);
                if body.len() > 64 * 1024 {
                    break;
                }
            }
        };
        // Refused already: what counts is the status, so a body that hangs is given up early.
        let _late = tokio::time::timeout(self.timeout.min(CONNECT_TIMEOUT), read).await;
        body
    }

    async fn not_events(&self, response: Response) -> Error {
        let body = self.bounded(response).await;
        match serde_json::from_slice::<serde_json::Value>(&body) {
            Ok(value) if value.get("error").is_some() => self.site.error_object(&body),
            _ => self.site.protocol("the answer is no event stream", &body),
        }
    }

    fn too_slow(&self) -> Error {
        self.site.error(ModelFailure::Timeout, "no answer in time; raise `timeout` if the model is slow")
    }
}

fn is_event_stream(value: &HeaderValue) -> bool {
    value.as_bytes().starts_with(b"text/event-stream")
}
