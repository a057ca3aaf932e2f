//! Turns what an endpoint says instead of an answer into an error with a remedy.

use std::{borrow::Cow, time::SystemTime};

use reqwest::{StatusCode, header::HeaderMap};
use serde::Deserialize;
use serde_json::Value;

use super::{
    refusal::{self, Refusal},
    retry_after::retry_after,
    secret::ApiKey,
};
use crate::{
    error::{Error, ErrorKind, ModelFailure, Result},
    model::ModelId,
};

/// Characters of an endpoint's own words that an error quotes.
const EXCERPT: usize = 300;
/// Bytes of a body that are looked at for them.
const LOOKED_AT: usize = 16 * 1024;

/// Who is being called: what every error of a client names.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) id: ModelId,
    pub(crate) key: ApiKey,
    /// What the base URL of this protocol ends in, such as `/v1`.
    pub(crate) base_ends_in: &'static str,
}

impl Site {
    /// An error of this endpoint.
    pub(crate) fn error(&self, failure: ModelFailure, what: impl AsRef<str>) -> Error {
        let Self { id, .. } = self;
        let message = format!("{id} at {}: {}", id.endpoint, self.key.scrub(what.as_ref()));
        Error::new(ErrorKind::Model(failure), message)
    }

    /// The endpoint answered with an HTTP status that means failure.
    pub(crate) fn status(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        let said = Said::read(body);
        let refusal = refusal::of_status(status, &said.code, &said.message);
        let wait = retry_after(headers, SystemTime::now()).or(said.retry_after);
        let what = format!("HTTP {status}{}; {}", self.quoted(&said, body), self.remedy(refusal, headers));
        self.error(refusal.failure(), what).with_retry_after(wait)
    }

    /// The endpoint answered 200 with an error object, or sent one in the middle of a stream.
    pub(crate) fn error_object(&self, body: &[u8]) -> Error {
        let said = Said::read(body);
        let refusal = refusal::of_code(&said.code, &said.message);
        let what = format!(
            "an error object{}; {}",
            self.quoted(&said, body),
            self.remedy(refusal, &HeaderMap::new())
        );
        self.error(refusal.failure(), what).with_retry_after(said.retry_after)
    }

    /// The endpoint answered 200, but not in its protocol.
    pub(crate) fn protocol(&self, what: &str, body: &[u8]) -> Error {
        let (failure, what) = match body.trim_ascii_start() {
            [] => (ModelFailure::Protocol, "the answer is empty; is a proxy in between?".into()),
            // Like a 404: whatever is there, it is no model, and asking again does not make it one.
            [b'<', ..] => (ModelFailure::Request, format!("the answer is a web page; {}", self.web_page())),
            _ => (ModelFailure::Protocol, format!("{what}, it says {:?}", self.excerpt(&text(body)))),
        };
        self.error(failure, what)
    }

    /// Reads a `what`, which the endpoint should have sent.
    pub(crate) fn parse<'a, T: Deserialize<'a>>(&self, body: &'a [u8], what: &str) -> Result<T> {
        serde_json::from_slice(body).map_err(|error| {
            self.protocol(&format!("the answer is no {what}"), body).with_source(shape(&error))
        })
    }

    /// The stream ended before the answer was whole.
    pub(crate) fn cut(&self) -> Error {
        self.error(ModelFailure::Protocol, "the stream was cut")
    }

    /// No answer arrived, or it broke off.
    pub(crate) fn transport(&self, error: reqwest::Error) -> Error {
        let (failure, what) = if error.is_connect() {
            (ModelFailure::Connect, "no connection; is the server running, and is base-url right?")
        } else if error.is_timeout() {
            (ModelFailure::Timeout, "no answer in time; raise `timeout` if the model is slow")
        } else if error.is_body() || error.is_decode() {
            (ModelFailure::Protocol, "the answer broke off")
        } else if error.is_builder() {
            (ModelFailure::Request, "the request cannot be sent; check base-url and headers")
        } else {
            (ModelFailure::Connect, "the connection broke before an answer began")
        };
        self.error(failure, what).with_source(error.without_url())
    }

    fn web_page(&self) -> String {
        format!(
            "base-url seems to point to a web site: the API's address usually ends in {}",
            self.base_ends_in
        )
    }

    fn quoted(&self, said: &Said<'_>, body: &[u8]) -> String {
        match &*said.message {
            "" if body.trim_ascii_start().starts_with(b"<") => " with a web page".into(),
            "" => String::new(),
            message => format!(", it says {:?}", self.excerpt(message)),
        }
    }

    fn excerpt(&self, text: &str) -> String {
        let scrubbed = self.key.scrub(text);
        let mut words = scrubbed.split_whitespace().fold(String::new(), |line, word| line + " " + word);
        if let Some((end, _)) = words.char_indices().nth(EXCERPT) {
            words.truncate(end);
            words.push('…');
        }
        words.trim_start().to_owned()
    }

    fn remedy(&self, refusal: Refusal, headers: &HeaderMap) -> String {
        let Self { id, key, .. } = self;
        match refusal {
            Refusal::Auth => key.whereabouts(),
            Refusal::Quota => "the account has no credit left: waiting does not help, top it up".into(),
            Refusal::TooLong => "shorten the conversation or lower max-tokens".into(),
            Refusal::NotFound => {
                let end = self.base_ends_in;
                format!("check the name `{}`, and that base-url ends in {end}", id.name)
            }
            Refusal::Moved => {
                let to = headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or("elsewhere");
                format!("redirects are not followed: set base-url to where {} leads", self.excerpt(to))
            }
            Refusal::RateLimited => "lower `concurrency` if this goes on".into(),
            Refusal::Server => "the server is in trouble".into(),
            Refusal::Timeout => "the server gave up waiting".into(),
            Refusal::Filtered => "the provider's safety filter refused".into(),
            Refusal::Request => "the request does not suit this endpoint: compare its documentation".into(),
        }
    }
}

/// What an error body says, whatever its dialect.
#[derive(Debug, Default)]
struct Said<'a> {
    message: Cow<'a, str>,
    /// Codes, types and statuses, joined; lower case.
    code: String,
    retry_after: Option<std::time::Duration>,
}

impl<'a> Said<'a> {
    fn read(body: &'a [u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::from_json(&value),
            Err(_) if body.trim_ascii_start().starts_with(b"<") => Self::default(),
            Err(_) => Self { message: text(body), ..Self::default() },
        }
    }

    /// `{"error": {…}}`, `{"error": "…"}`, `{"message": …}`, `{"detail": …}`, or a list of one of these.
    fn from_json(value: &Value) -> Self {
        let value = value.get(0).unwrap_or(value);
        let inner = value.get("error").filter(|error| !error.is_null()).unwrap_or(value);
        let message = match inner {
            Value::String(text) => text.clone(),
            _ => ["message", "detail", "error_description"]
                .iter()
                .find_map(|name| inner.get(name))
                .map_or_else(|| inner.to_string(), plain),
        };
        let codes = ["code", "type", "status"].iter().filter_map(|name| inner.get(name));
        let code = codes.map(plain).collect::<Vec<_>>().join(" ").to_lowercase();
        Self { message: message.into(), code, retry_after: refusal::retry_info(inner) }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn text(body: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT)])
}

/// What the JSON error says without quoting the answer, which may echo anything.
fn shape(error: &serde_json::Error) -> Error {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it breaks off",
        serde_json::error::Category::Data => "a field has another type",
        _ => "it is no JSON",
    };
    Error::new(ErrorKind::Other, format!("{what} at line {} column {}", error.line(), error.column()))
}

#[cfg(test)]
mod tests;
