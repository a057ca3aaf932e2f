//! The tracing span of a call, with OpenTelemetry's names for generative AI. Holds no text of the conversation.

use std::{future::poll_fn, pin::Pin};

use reqwest::Url;
use tracing::{Span, field::Empty};

use crate::{
    error::Error,
    model::{ChatRequest, ChatResponse, ModelId},
};

pub(super) fn call(id: &ModelId, request: &ChatRequest) -> Span {
    let sampling = &request.sampling;
    let span = tracing::info_span!(
        "chat",
        "otel.name" = format!("chat {}", id.name),
        "otel.kind" = "client",
        "otel.status_code" = Empty,
        "gen_ai.operation.name" = "chat",
        "gen_ai.provider.name" = id.convention(),
        "gen_ai.request.model" = id.name,
        "gen_ai.request.temperature" = sampling.temperature,
        "gen_ai.request.top_p" = sampling.top_p,
        "gen_ai.request.top_k" = sampling.top_k.map(i64::from),
        "gen_ai.request.max_tokens" = sampling.max_tokens.map(i64::from),
        "gen_ai.request.presence_penalty" = sampling.presence_penalty,
        "gen_ai.request.frequency_penalty" = sampling.frequency_penalty,
        "gen_ai.request.seed" = sampling.seed.and_then(|seed| i64::try_from(seed).ok()),
        "server.address" = Empty,
        "server.port" = Empty,
        "gen_ai.response.model" = Empty,
        "gen_ai.response.finish_reasons" = Empty,
        "gen_ai.usage.input_tokens" = Empty,
        "gen_ai.usage.output_tokens" = Empty,
        "gen_ai.usage.cache_read.input_tokens" = Empty,
        "error.type" = Empty,
    );
    if !span.is_disabled() {
        server(&span, &id.endpoint);
    }
    span
}

impl ModelId {
    /// The provider as OpenTelemetry's conventions call it.
    pub(crate) fn convention(&self) -> &str {
        if self.provider == "gemini" { "gcp.gemini" } else { &self.provider }
    }
}

/// Host and port of `endpoint`; a model inside this process has neither.
fn server(span: &Span, endpoint: &str) {
    let Ok(url) = Url::parse(endpoint) else { return };
    if let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) {
        span.record("server.address", host);
        span.record("server.port", i64::from(port));
    }
}

/// Polls `future` inside of `span`. As `tracing`'s `instrument`, but a large future stays where it is.
pub(crate) async fn inside<T>(span: &Span, mut future: Pin<&mut impl Future<Output = T>>) -> T {
    poll_fn(|context| span.in_scope(|| future.as_mut().poll(context))).await
}

pub(super) fn record(span: &Span, answer: Result<&ChatResponse, &Error>) {
    if span.is_disabled() {
        return;
    }
    match answer {
        Ok(response) => {
            if !response.model.is_empty() {
                span.record("gen_ai.response.model", &*response.model);
            }
            span.record("gen_ai.response.finish_reasons", response.finish.as_str());
            if let Some(usage) = &response.usage {
                span.record("gen_ai.usage.input_tokens", whole(usage.input_tokens));
                span.record("gen_ai.usage.output_tokens", whole(usage.output_tokens));
                if usage.cached_tokens > 0 {
                    span.record("gen_ai.usage.cache_read.input_tokens", whole(usage.cached_tokens));
                }
            }
        }
        Err(error) => {
            span.record("error.type", tracing::field::debug(error.kind()));
            span.record("otel.status_code", "ERROR");
        }
    }
}

/// OpenTelemetry's integers have a sign; exporters make text of others.
fn whole(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}
