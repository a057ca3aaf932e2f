//! Chat completions: passed on to the weights that were asked for, and answered with all fields that vLLM sends.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::{Desk, Flaw, MODEL, refused};

pub(super) async fn complete(State(desk): State<Arc<Desk>>, Json(mut body): Json<Value>) -> Response {
    let name = body["model"].as_str().unwrap_or_default().to_owned();
    let Some(address) = address(&desk, &name) else {
        let message = format!("The model `{name}` does not exist.");
        return refused(StatusCode::NOT_FOUND, "NotFoundError", &message);
    };
    if address.is_empty() {
        return refused(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "the engine sleeps");
    }
    body["model"] = MODEL.into();
    let sent = desk.client.post(format!("http://{address}/v1/chat/completions")).json(&body).send().await;
    // The weights were replaced while they answered.
    let Ok(answer) = sent else {
        return refused(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "aborted");
    };
    let (status, mut answer): (_, Value) = (answer.status(), answer.json().await.unwrap());
    if status.is_success() {
        answer["model"] = name.into();
        dress(&mut answer, desk.flaw);
    }
    (status, Json(answer)).into_response()
}

/// Where the weights called `name` are; nowhere while the server sleeps.
fn address(desk: &Desk, name: &str) -> Option<String> {
    let mut now = desk.now();
    if !now.asked.iter().any(|asked| asked == name) {
        now.asked.push(name.to_owned());
    }
    let served = match name {
        MODEL => now.base.as_ref(),
        _ => Some(now.adapters.get(name)?),
    };
    let awake = served.filter(|_| now.awake);
    Some(awake.map(|served| served.address.clone()).unwrap_or_default())
}

/// Adds what vLLM sends beside OpenAI's fields.
fn dress(answer: &mut Value, flaw: Flaw) {
    for field in ["service_tier", "system_fingerprint", "prompt_logprobs", "kv_transfer_params"] {
        answer[field] = Value::Null;
    }
    if flaw == Flaw::WithoutTokens {
        answer.as_object_mut().unwrap().remove("prompt_token_ids");
    }
    for choice in answer["choices"].as_array_mut().unwrap() {
        choice["stop_reason"] = Value::Null;
        let message = &mut choice["message"];
        for field in ["refusal", "annotations", "audio", "function_call"] {
            message[field] = Value::Null;
        }
        if message["tool_calls"].is_null() {
            message["tool_calls"] = json!([]);
        }
        if flaw == Flaw::WithoutTokens {
            choice.as_object_mut().unwrap().remove("token_ids");
        }
    }
}
