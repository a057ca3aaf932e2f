//! Answers that vLLM itself gave (`data/model/record_vllm.py`): what our client asks is what it was asked, and nothing of what it said is
//! lost.
#![allow(clippy::unwrap_used, reason = "a failed test")]

mod model_support;

use agentscope_tuner::{
    error::{Error, ErrorKind, ModelFailure},
    message::{Block, Msg, Role, ToolResult, ToolUse},
    model::{ChatEvent, ChatRequest, ChatResponse, FinishReason, Model, ToolSpec, openai},
};
use futures_util::StreamExt as _;
use model_support::{Fake, Reply};
use serde_json::{Value, json};

const QUESTION: &str = "Eva has 76 marbles and gets 91 more. How many marbles does Eva have now?";

fn recorded() -> Value {
    serde_json::from_str(include_str!("data/model/vllm.json")).unwrap()
}

/// What was asked there under this name.
fn request(name: &str) -> ChatRequest {
    let number = json!({"type": "number"});
    let parameters =
        json!({"type": "object", "properties": {"a": number, "b": number}, "required": ["a", "b"]});
    let add = ToolSpec { name: "add".into(), description: "Adds two numbers.".into(), parameters };
    let call = ToolUse { id: "c1".into(), name: "add".into(), input: json!({"a": 76, "b": 91}) };
    let (system, user) = (Msg::system("Use the tool."), Msg::user(QUESTION));
    let (messages, tools, most, temperature) = match name {
        "text" => (vec![user], vec![], 40, 1.0),
        "cut" => (vec![user], vec![], 2, 1.0),
        "call" => (vec![system, user], vec![add], 40, 0.0),
        "result" => {
            let asks = Msg::new(Role::Assistant, vec![Block::ToolUse(call.clone())]);
            (vec![system, user, asks, Msg::tool([ToolResult::ok(&call, "167")])], vec![add], 40, 0.0)
        }
        name => panic!("nothing was asked as {name}"),
    };
    let mut request = ChatRequest::new(messages).tools(tools).max_tokens(most).logprobs(0);
    request.sampling.temperature = Some(temperature);
    request.sampling.seed = Some(7);
    request.sampling.extra.insert("return_token_ids".into(), true.into());
    request
}

/// A server that answers as it was recorded, and a client of it.
async fn replaying(chat: &Value) -> (Fake, Model) {
    let chat = chat.clone();
    let fake = Fake::start(move |asked| {
        let status = u16::try_from(chat["status"].as_u64().unwrap()).unwrap();
        let text = |name: &str| chat[name].as_str().unwrap().to_owned();
        match asked["stream"] == true && status == 200 {
            true => Reply::events(vec![text("stream").into_bytes()]),
            false => Reply::new(status, "application/json", text("whole")),
        }
    })
    .await;
    let model = openai("tiny").base_url(&fake.url).max_retries(0).build().unwrap();
    (fake, model)
}

async fn streamed(model: &Model, request: &ChatRequest) -> ChatResponse {
    let events: Vec<_> = model.stream(request).await.unwrap().collect().await;
    let Some(Ok(ChatEvent::Done(response))) = events.into_iter().last() else { panic!("no end") };
    *response
}

/// The answer of one choice, as it is written.
fn said(chat: &Value) -> Value {
    serde_json::from_str(chat["whole"].as_str().unwrap()).unwrap()
}

fn check(response: &ChatResponse, said: &Value) {
    let choice = &said["choices"][0];
    let tokens = response.tokens.as_ref().unwrap();
    assert_eq!(json!(tokens.prompt_ids), said["prompt_token_ids"]);
    assert_eq!(json!(tokens.ids), choice["token_ids"]);
    let wanted = choice["logprobs"]["content"].as_array().unwrap();
    let near =
        |ours: f32, theirs: &Value| (f64::from(ours) - theirs["logprob"].as_f64().unwrap()).abs() < 1e-6;
    assert!(tokens.logprobs.len() == wanted.len());
    assert!(tokens.logprobs.iter().zip(wanted).all(|(ours, theirs)| near(*ours, theirs)));
    assert_eq!(response.message.text(), choice["message"]["content"].as_str().unwrap_or_default());
    assert_eq!(response.finish.as_str(), choice["finish_reason"]);
    let usage = response.usage.unwrap();
    let usage = [usage.input_tokens, usage.output_tokens];
    assert_eq!(json!(usage), json!([said["usage"]["prompt_tokens"], said["usage"]["completion_tokens"]]));
}

#[tokio::test]
async fn answers_come_with_the_very_tokens_whole_and_streamed() {
    let recorded = recorded();
    for name in ["text", "cut", "call", "result"] {
        let (chat, request) = (&recorded["chats"][name], request(name));
        let (fake, model) = replaying(chat).await;
        let whole = model.chat(&request).await.unwrap();
        assert_eq!(fake.last_body(), chat["request"], "{name}");
        check(&whole, &said(chat));
        let streamed = streamed(&model, &request).await;
        check(&streamed, &said(chat));
        let calls = |response: &ChatResponse| {
            response
                .message
                .tool_uses()
                .map(|call| (call.name.clone(), call.input.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(calls(&streamed), calls(&whole), "{name}");
        let wanted = if name == "call" { vec![("add".into(), json!({"a": 76, "b": 91}))] } else { vec![] };
        assert_eq!(calls(&whole), wanted, "{name}");
        assert_eq!(whole.finish == FinishReason::Length, name == "cut");
    }
}

#[tokio::test]
async fn refusals_say_what_helps() {
    let recorded = recorded();
    let cases = [
        ("too long", "shorten the conversation or lower max-tokens"),
        ("too much", "lower max-tokens"),
        ("nobody", "The model `nobody` does not exist"),
    ];
    for (name, remedy) in cases {
        let (_fake, model) = replaying(&recorded["chats"][name]).await;
        let error: Error = model.chat(&request("text")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model(ModelFailure::Request), "{name}");
        assert!(error.chain().contains(remedy), "{name}: {}", error.chain());
    }
}
