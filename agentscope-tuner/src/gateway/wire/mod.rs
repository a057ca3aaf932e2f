//! Chat completions as the wire has them, seen from the server. The other side is in `model/openai`.

mod asked;
pub(super) mod chunks;
mod message;

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

pub(super) use self::asked::Asked;
use crate::{
    message::{Block, Msg, ToolUse},
    model::{ChatResponse, TokenLogprob, Usage},
};

/// What every object of one answer begins with.
#[derive(Clone, Debug)]
pub(super) struct Head {
    id: String,
    created: u64,
    model: String,
}

impl Head {
    /// The head of a new answer of `model`; its identifier begins with `kind`.
    pub(super) fn new(kind: &str, model: String) -> Self {
        static ANSWERS: AtomicU64 = AtomicU64::new(0);
        let created = now();
        Self { id: format!("{kind}-{created:x}-{:x}", ANSWERS.fetch_add(1, Relaxed)), created, model }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn model(&self) -> &str {
        &self.model
    }

    fn object(&self, kind: &str, choices: Vec<Value>) -> Value {
        json!({
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        })
    }
}

/// When this program first described a model, in seconds since 1970: it stands for when the models were made.
pub(super) fn since() -> u64 {
    static SINCE: OnceLock<u64> = OnceLock::new();
    *SINCE.get_or_init(now)
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The whole answer as one object; `with_ids` adds the exact tokens, as vLLM's `return_token_ids` does.
pub(super) fn completion(head: &Head, answers: &[ChatResponse], with_ids: bool) -> Value {
    let choices = answers.iter().enumerate().map(|(index, answer)| {
        let mut choice = json!({
            "index": index,
            "message": message(&answer.message),
            "finish_reason": answer.finish.as_str(),
            "logprobs": log_probs(answer.logprobs.as_deref()),
        });
        if let Some(tokens) = answer.tokens.as_ref().filter(|_| with_ids) {
            choice["token_ids"] = json!(tokens.ids);
        }
        choice
    });
    let mut object = head.object("chat.completion", choices.collect());
    if let Some(tokens) = answers.first().and_then(|answer| answer.tokens.as_ref()).filter(|_| with_ids) {
        object["prompt_token_ids"] = json!(tokens.prompt_ids);
    }
    let used: Vec<Usage> = answers.iter().filter_map(|answer| answer.usage).collect();
    if let Some(first) = used.first() {
        // The prompt was asked once, however many choices it has.
        let output = used.iter().map(|usage| usage.output_tokens).sum();
        object["usage"] = usage(&Usage { output_tokens: output, ..*first });
    }
    object
}

fn message(msg: &Msg) -> Value {
    let calls: Vec<Value> = msg.tool_uses().map(call).collect();
    let text = msg.text();
    let mut message = json!({ "role": "assistant", "content": text });
    let thoughts: Vec<&str> = msg.content.iter().filter_map(thinking).collect();
    if !thoughts.is_empty() {
        message["reasoning_content"] = thoughts.join("\n").into();
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
        if text.is_empty() {
            message["content"] = Value::Null;
        }
    }
    message
}

fn thinking(block: &Block) -> Option<&str> {
    match block {
        Block::Thinking { thinking, .. } => Some(thinking),
        _ => None,
    }
}

fn call(call: &ToolUse) -> Value {
    let arguments = match &call.input {
        Value::String(raw) => raw.clone(),
        input => input.to_string(),
    };
    json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": arguments } })
}

fn usage(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total(),
        "prompt_tokens_details": { "cached_tokens": usage.cached_tokens },
        "completion_tokens_details": { "reasoning_tokens": usage.reasoning_tokens },
    })
}

fn log_probs(tokens: Option<&[TokenLogprob]>) -> Value {
    let entry = |token: &str, log_prob: f64| json!({ "token": token, "logprob": log_prob, "bytes": token.as_bytes() });
    let content = |tokens: &[TokenLogprob]| -> Vec<Value> {
        let with_top = |token: &TokenLogprob| {
            let mut written = entry(&token.token, token.logprob);
            let top = token.top.iter().map(|(token, log_prob)| entry(token, *log_prob));
            written["top_logprobs"] = top.collect();
            written
        };
        tokens.iter().map(with_top).collect()
    };
    tokens.map_or(Value::Null, |tokens| json!({ "content": content(tokens), "refusal": null }))
}
