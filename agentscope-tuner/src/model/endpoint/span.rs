//! The tracing span of a call, with OpenTelemetry's names for generative AI. Holds no text of the conversation.

use tracing::{Span, field::Empty};

use crate::{
    error::Error,
    model::{ChatRequest, ChatResponse, ModelId},
};

pub(super) fn call(id: &ModelId, request: &ChatRequest) -> Span {
    let sampling = &request.sampling;
    tracing::info_span!(
        "chat",
        "gen_ai.operation.name" = "chat",
        "gen_ai.provider.name" = id.provider,
        "gen_ai.request.model" = id.name,
        "gen_ai.request.temperature" = sampling.temperature,
        "gen_ai.request.top_p" = sampling.top_p,
        "gen_ai.request.max_tokens" = sampling.max_tokens,
        "gen_ai.request.seed" = sampling.seed,
        "server.address" = id.endpoint,
        "gen_ai.response.model" = Empty,
        "gen_ai.response.finish_reasons" = Empty,
        "gen_ai.usage.input_tokens" = Empty,
        "gen_ai.usage.output_tokens" = Empty,
        "error.type" = Empty,
    )
}

pub(super) fn record(span: &Span, answer: Result<&ChatResponse, &Error>) {
    if span.is_disabled() {
        return;
    }
    match answer {
        Ok(response) => {
            span.record("gen_ai.response.model", &*response.model);
            span.record("gen_ai.response.finish_reasons", response.finish.as_str());
            if let Some(usage) = &response.usage {
                span.record("gen_ai.usage.input_tokens", usage.input_tokens);
                span.record("gen_ai.usage.output_tokens", usage.output_tokens);
            }
        }
        Err(error) => {
            span.record("error.type", tracing::field::debug(error.kind()));
        }
    }
}
