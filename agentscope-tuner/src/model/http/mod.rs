//! One HTTP endpoint: what all protocols share.

mod failure;
mod refusal;
mod retry_after;
mod secret;

pub(crate) use failure::{Site, shape};
pub(crate) use secret::ApiKey;

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use eventsource_stream::{Event, EventStreamError, Eventsource as _};
use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use reqwest::{
    Client, Method, Request, Response, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use serde::Serialize;

use crate::{
    error::{Error, ErrorKind, ModelFailure, Result},
    model::ModelId,
};

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
        let headers = headers(&target)?;
        let client = client(&base)?;
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

    /// Sends `request` and returns the whole answer of a success.
    pub(crate) async fn whole(&self, mut request: Request) -> Result<Bytes> {
        *request.timeout_mut() = Some(self.timeout);
        let mut response = self.send(request).await?;
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
    pub(crate) async fn events(self: &Arc<Self>, request: Request) -> Result<Events> {
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
        let body = serde_json::to_vec(body).map_err(|error| {
            self.site
                .error(ModelFailure::Request, "the request cannot be written for this provider")
                .with_source(error)
        })?;
        let mut request = Request::new(Method::POST, url.clone());
        *request.headers_mut() = self.headers.clone();
        *request.body_mut() = Some(body.into());
        Ok(request)
    }

    async fn send(&self, request: Request) -> Result<Response> {
        let response = self.client.execute(request).await.map_err(|error| self.site.transport(error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, headers) = (response.status(), response.headers().clone());
        // A refusal whose body breaks off is still that refusal.
        let body = self.bounded(response).await;
        Err(self.site.status(status, &headers, &body))
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

/// Checks a base URL; the result ends in a slash, so that paths can be joined to it.
///
/// # Errors
/// [`ErrorKind::Config`] says what is wrong with it.
pub(crate) fn base_url(text: &str) -> Result<Url> {
    let wrong = |why: &str| Error::new(ErrorKind::Config, format!("base-url `{}` {why}", without_user(text)));
    let mut url = Url::parse(text)
        .map_err(|error| wrong("is no URL that starts with http:// or https://").with_source(error))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("must start with http:// or https:// and a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "holds a user or password; put the secret in a variable and name it with api-key-env",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must not have a query (?) or fragment (#)"));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

fn without_user(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (Some(start), Some(end)) if start + 3 < end => format!("{}…{}", &text[..start + 3], &text[end..]),
        _ => text.to_owned(),
    }
}

fn headers(target: &Target<'_>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let (name, prefix) = &target.key_header;
    if let Some(value) = target.key.header(prefix)? {
        headers.insert(name.clone(), value);
    }
    for (name, value) in target.headers {
        let wrong = |_| Error::new(ErrorKind::Config, format!("headers.{name} is no valid HTTP header"));
        let header = name.parse::<HeaderName>().map_err(|error| wrong(error.to_string()))?;
        let value = value.parse::<HeaderValue>().map_err(|error| wrong(error.to_string()))?;
        headers.insert(header, value);
    }
    Ok(headers)
}

fn client(base: &Url) -> Result<Client> {
    let builder = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(Policy::none())
        .user_agent(concat!("agentscope-tuner/", env!("CARGO_PKG_VERSION")))
        .tcp_nodelay(true);
    // A proxy for the outside world cannot reach what runs on this machine.
    let builder = if is_loopback(base) { builder.no_proxy() } else { builder };
    builder
        .build()
        .map_err(|error| Error::new(ErrorKind::Config, "no HTTP client can be made").with_source(error))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_gets_its_slash_or_says_what_is_wrong() {
        assert_eq!(base_url("http://127.0.0.1:8000/v1").unwrap().as_str(), "http://127.0.0.1:8000/v1/");
        assert!(base_url("localhost:8000/v1").unwrap_err().to_string().contains("http://"));
        assert!(base_url("http://").is_err());
        assert!(base_url("https://a/v1?key=b").unwrap_err().to_string().contains("query"));
    }

    #[test]
    fn a_password_in_a_base_url_is_refused_without_showing_it() {
        let error = base_url("https://me:hunter2@example.org/v1").unwrap_err();
        assert!(error.to_string().contains("api-key-env"), "{error}");
        assert!(!error.chain().contains("hunter2"), "{error:?}");
    }

    #[test]
    fn loopback_needs_no_proxy() {
        for (url, local) in
            [("http://127.0.0.1:1", true), ("http://[::1]:1", true), ("http://example.org", false)]
        {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), local, "{url}");
        }
    }
}
