//! Chat completions with vLLM's extensions.

use std::sync::Arc;

use agentscope_tuner::{
    message::{Block, Msg, Role, ToolUse},
    model::{ChatModel as _, ChatRequest, ChatResponse, TokenTrace},
};
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::{Flaw, Shared, TRIAL, asked::request, model, refusal, restart};

const NO_PARSER: &str =
    "\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set";

pub(super) async fn chat(State(shared): State<Arc<Shared>>, Json(body): Json<Value>) -> Response {
    let name = body["model"].as_str().unwrap_or_default();
    let Some(model) = model(&shared, name).await else {
        let message = format!("The model `{name}` does not exist.");
        return refusal(StatusCode::NOT_FOUND, "NotFoundError", &message);
    };
    let (mut request, flaw) = (request(&body), shared.flaw);
    if flaw == Flaw::NoTools && !request.tools.is_empty() {
        return refusal(StatusCode::BAD_REQUEST, "BadRequestError", NO_PARSER);
    }
    let is_trial = request.messages[0].text() == TRIAL;
    if !is_trial {
        misread(&mut request, flaw);
    }
    let answer = model.chat(&request).await;
    if flaw == Flaw::Restarted && is_trial {
        restart(&shared).await;
    }
    match answer {
        Ok(response) if body["stream"] == json!(true) => events(&completion(&body, &response, flaw)),
        Ok(response) => Json(completion(&body, &response, flaw)).into_response(),
        Err(error) => refusal(StatusCode::BAD_REQUEST, "BadRequestError", &error.to_string()),
    }
}

/// Reads other words than were asked. What it says that it read is what it read: the weights are right.
fn misread(request: &mut ChatRequest, flaw: Flaw) {
    match flaw {
        Flaw::OtherArguments => {
            request.messages[0] = Msg::user(format!("{}=", request.messages[0].text()));
        }
        Flaw::OtherCalls => {
            let answers = request.messages.iter_mut().filter(|message| message.role == Role::Assistant);
            answers.for_each(|answer| answer.content.push(Block::text("=")));
        }
        _ => {}
    }
}

pub(super) fn completion(body: &Value, response: &ChatResponse, flaw: Flaw) -> Value {
    let trace = response.tokens.clone().unwrap();
    let asked = |field: &str, lacking: Flaw| body[field] == json!(true) && flaw != lacking;
    let with_ids = asked("return_token_ids", Flaw::NoTokenIds);
    let logprobs = asked("logprobs", Flaw::NoLogprobs).then(|| logprobs(response));
    let TokenTrace { prompt_ids, ids, .. } = distorted(trace, flaw);
    let usage = json!({
        "prompt_tokens": prompt_ids.len(),
        "completion_tokens": ids.len(),
        "total_tokens": prompt_ids.len() + ids.len(),
        "prompt_tokens_details": null
    });
    let mut message = json!({
        "role": "assistant", "content": said(response), "refusal": null, "annotations": null,
        "audio": null, "function_call": null, "reasoning": null
    });
    let calls: Vec<Value> = response.message.tool_uses().map(call).collect();
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    let choice = json!({
        "index": 0, "message": message, "logprobs": logprobs, "finish_reason": response.finish.as_str(),
        "stop_reason": null, "token_ids": with_ids.then_some(ids)
    });
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"],
        "choices": [choice], "service_tier": null, "system_fingerprint": null, "usage": usage,
        "prompt_logprobs": null, "prompt_token_ids": with_ids.then_some(prompt_ids), "kv_transfer_params": null
    })
}

/// The text; none beside a call without words.
fn said(response: &ChatResponse) -> Option<String> {
    let text = response.message.text();
    let is_call = text.is_empty() && response.message.tool_uses().next().is_some();
    (!is_call).then_some(text)
}

fn call(call: &ToolUse) -> Value {
    let function = json!({ "name": call.name, "arguments": call.input.to_string() });
    json!({ "id": format!("chatcmpl-tool-{}", call.id), "type": "function", "function": function })
}

/// The completion in chunks: the ids of the prompt with the first one, then a chunk for each token.
fn events(whole: &Value) -> Response {
    let choice = &whole["choices"][0];
    let chunk = |delta: Value, token: Option<usize>, finish: &Value| {
        let at = |list: &Value| token.map(|token| json!([list[token]]));
        let logprobs = at(&choice["logprobs"]["content"]).map(|content| json!({ "content": content }));
        let prompt = if token.is_none() { &whole["prompt_token_ids"] } else { &Value::Null };
        json!({
            "id": whole["id"], "object": "chat.completion.chunk", "created": 1, "model": whole["model"],
            "choices": [{ "index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish,
                "token_ids": at(&choice["token_ids"]) }],
            "prompt_token_ids": prompt
        })
    };
    let count = choice["token_ids"].as_array().map_or(0, Vec::len);
    let mut chunks = vec![chunk(json!({ "role": "assistant", "content": "" }), None, &Value::Null)];
    for token in 0..count {
        // How the text is cut does not matter here.
        let delta = if token == 0 { delta(&choice["message"]) } else { json!({ "content": "" }) };
        let finish = if token + 1 == count { &choice["finish_reason"] } else { &Value::Null };
        chunks.push(chunk(delta, Some(token), finish));
    }
    let data = chunks.iter().map(ToString::to_string).chain(["[DONE]".to_owned()]);
    let body: String = data.map(|data| format!("data: {data}\n\n")).collect();
    ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
}

/// All that a message says, at once.
fn delta(message: &Value) -> Value {
    let calls =
        message["tool_calls"].as_array().into_iter().flatten().zip(0..).map(|(call, index): (_, u32)| {
            let mut call = call.clone();
            call["index"] = index.into();
            call
        });
    json!({ "content": message["content"], "tool_calls": calls.collect::<Vec<_>>() })
}

fn logprobs(response: &ChatResponse) -> Value {
    let each = response.logprobs.iter().flatten().map(|token| {
        json!({ "token": token.token, "logprob": token.logprob, "bytes": token.token.as_bytes(), "top_logprobs": [] })
    });
    json!({ "content": each.collect::<Vec<_>>() })
}

fn distorted(mut trace: TokenTrace, flaw: Flaw) -> TokenTrace {
    match flaw {
        Flaw::OtherVocabulary => trace.ids.iter_mut().for_each(|id| *id += 150_000),
        Flaw::OtherTemplate => trace.prompt_ids.insert(0, 0),
        _ => {}
    }
    trace
}
