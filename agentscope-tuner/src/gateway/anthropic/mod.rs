//! Anthropic's messages as the wire has them, seen from the server. The other side is in `model/anthropic`.

mod asked;
mod content;
mod events;
mod written;

use std::convert::Infallible;

use axum::{
    Json,
    http::StatusCode,
    response::{
        IntoResponse as _, Response,
        sse::{Event, Sse},
    },
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use self::{asked::Asked, events::Events};
use super::{Admission, Body, answer::streaming, failure::Failure, wire::Head};
use crate::model::Model;

/// Where messages are.
pub(super) const PATH: &str = "/v1/messages";

pub(super) async fn create(admission: Admission, Body(body): Body) -> Result<Response, Failure> {
    let asked = Asked::read(&body).map_err(Failure::invalid)?;
    let (model, name) = admission.model(&asked.model)?;
    let head = Head::new("msg", name);
    if asked.stream {
        return streamed(&model, asked, head, admission).await;
    }
    let answer = model.chat(&asked.request).await?;
    Ok(Json(written::message(&head, &answer)).into_response())
}

async fn streamed(
    model: &Model,
    asked: Asked,
    head: Head,
    admission: Admission,
) -> Result<Response, Failure> {
    let pieces = streaming(model, &asked.request, admission).await?;
    let opening = stream::iter([events::opening(&head)]);
    let mut events = Events::default();
    let written = pieces.flat_map(move |piece| {
        stream::iter(match piece {
            Ok(piece) => events.written(piece),
            Err(error) => vec![failure(&Failure::from(error))],
        })
    });
    let named = opening.chain(written).map(|event| {
        let name = event["type"].as_str().unwrap_or_default().to_owned();
        Ok::<_, Infallible>(Event::default().event(name).data(event.to_string()))
    });
    Ok(Sse::new(named).into_response())
}

/// The object that Anthropic's clients read.
pub(super) fn failure(failure: &Failure) -> Value {
    let kind = match failure.status {
        StatusCode::UNAUTHORIZED => "authentication_error",
        StatusCode::PAYMENT_REQUIRED => "billing_error",
        StatusCode::FORBIDDEN => "permission_error",
        StatusCode::NOT_FOUND => "not_found_error",
        StatusCode::PAYLOAD_TOO_LARGE => "request_too_large",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        status if status.is_server_error() => "api_error",
        _ => "invalid_request_error",
    };
    json!({ "type": "error", "error": { "type": kind, "message": failure.message } })
}
