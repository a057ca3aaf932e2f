//! Why an endpoint refused, from its status and its error codes.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use crate::error::ModelFailure;

/// Why an endpoint refused: finer than [`ModelFailure`], since each has a remedy of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Auth,
    Quota,
    TooLong,
    NotFound,
    Moved,
    RateLimited,
    Server,
    Timeout,
    Filtered,
    Request,
}

impl Refusal {
    pub(super) fn failure(self) -> ModelFailure {
        match self {
            Self::Auth => ModelFailure::Auth,
            Self::RateLimited => ModelFailure::RateLimited,
            Self::Server => ModelFailure::Server,
            Self::Timeout => ModelFailure::Timeout,
            Self::Filtered => ModelFailure::Refused,
            // An empty account answers 429 too, but no waiting fills it.
            Self::Quota | Self::TooLong | Self::NotFound | Self::Moved | Self::Request => {
                ModelFailure::Request
            }
        }
    }
}

/// What servers without a code of their own say of a conversation that does not fit: vLLM and its like.
const TOO_LONG: [&str; 3] = ["maximum context length", "maximum model length", "max_model_len"];

/// Error codes of OpenAI, Azure, DashScope, DeepSeek, OpenRouter, Anthropic and Gemini, in lower case; the first
/// that is part of the code decides.
const CODES: &[(&str, Refusal)] = &[
    ("insufficient_quota", Refusal::Quota),
    ("billing", Refusal::Quota),
    ("arrearage", Refusal::Quota),
    ("insufficient_balance", Refusal::Quota),
    ("content_filter", Refusal::Filtered),
    ("content_policy", Refusal::Filtered),
    ("data_inspection_failed", Refusal::Filtered),
    ("datainspectionfailed", Refusal::Filtered),
    ("context_length_exceeded", Refusal::TooLong),
    ("string_above_max_length", Refusal::TooLong),
    ("rate_limit", Refusal::RateLimited),
    ("ratelimit", Refusal::RateLimited),
    ("throttling", Refusal::RateLimited),
    ("resource_exhausted", Refusal::RateLimited),
    ("too_many_requests", Refusal::RateLimited),
    ("authentication", Refusal::Auth),
    ("permission", Refusal::Auth),
    ("unauthenticated", Refusal::Auth),
    ("invalid_api_key", Refusal::Auth),
    ("invalidapikey", Refusal::Auth),
    ("model_not_found", Refusal::NotFound),
    ("not_found", Refusal::NotFound),
    ("notfounderror", Refusal::NotFound),
    ("overloaded", Refusal::Server),
    ("server_error", Refusal::Server),
    ("internal", Refusal::Server),
    ("api_error", Refusal::Server),
    ("unavailable", Refusal::Server),
    ("deadline_exceeded", Refusal::Timeout),
    ("timeout", Refusal::Timeout),
];

/// Why, by the HTTP status, sharpened by the codes in the body.
pub(super) fn of_status(status: StatusCode, code: &str, message: &str) -> Refusal {
    let by_code = known(code, message);
    match (status.as_u16(), by_code) {
        // These codes come with several statuses (400, 403, 429) and decide over them.
        (400..=499, Some(sharper @ (Refusal::Quota | Refusal::Filtered | Refusal::TooLong))) => sharper,
        (300..=399, _) => Refusal::Moved,
        (401 | 403, _) => Refusal::Auth,
        (402, _) => Refusal::Quota,
        (404 | 405, _) => Refusal::NotFound,
        (408, _) => Refusal::Timeout,
        (413, _) => Refusal::TooLong,
        (425 | 500..=599, _) => Refusal::Server,
        (429, _) => Refusal::RateLimited,
        // Gemini answers 400 to a wrong key.
        (400, Some(Refusal::Auth)) => Refusal::Auth,
        _ => Refusal::Request,
    }
}

/// Why, by the codes alone; a number among them counts as the status it is.
pub(super) fn of_code(code: &str, message: &str) -> Refusal {
    let status =
        code.split(' ').find_map(|word| word.parse().ok().and_then(|n| StatusCode::from_u16(n).ok()));
    match (known(code, message), status) {
        (Some(refusal), _) => refusal,
        (None, Some(status)) if !status.is_success() => of_status(status, "", message),
        _ if code.contains("invalid") => Refusal::Request,
        // An endpoint that says 200 and then fails without a known code is broken rather than picky.
        _ => Refusal::Server,
    }
}

fn known(code: &str, message: &str) -> Option<Refusal> {
    let too_long = TOO_LONG.iter().any(|part| message.contains(part));
    let key = message.contains("API key not valid");
    let by_message = if too_long { Some(Refusal::TooLong) } else { key.then_some(Refusal::Auth) };
    CODES.iter().find(|(part, _)| code.contains(part)).map(|(_, refusal)| *refusal).or(by_message)
}

/// `google.rpc.RetryInfo` in the details of a Gemini error.
pub(super) fn retry_info(error: &Value) -> Option<Duration> {
    let delay = error.get("details")?.as_array()?.iter().find_map(|detail| detail.get("retryDelay"))?;
    super::retry_after::duration(delay.as_str()?)
}
