//! A model of rig as a candidate: what goes in and comes out is what the model below sees and says.
//!
//! The model below is one of this crate, made rig's by `Model::rig`, so each request and each answer is converted twice.

use std::sync::{Arc, Mutex};

use agentscope_tuner::{
    error::{ErrorKind, ModelFailure},
    message::{Block, Msg, Role, ToolResult, ToolUse},
    model::{
        ChatEvent, ChatModel, ChatRequest, ChatResponse, FinishReason, ModelId, ResponseFormat, Sampling,
        ToolChoice, ToolSpec, Usage, rig::RigModel, scripted::Scripted,
    },
    prelude::*,
    strategy::Evaluation,
    tuner::Tuner,
};
use futures_util::{StreamExt as _, future::BoxFuture};
use rig_core::providers::openai::OpenAIConfig;
use serde_json::json;

use crate::{
    async_openai_client::native,
    world::{add_schema, adder, exact, rows},
};

/// A model of rig that answers as `model` does.
fn through_rig(model: impl ChatModel) -> Model {
    Model::new(RigModel::new(Model::new(model).rig()))
}

/// A conversation with everything that chat completions know.
fn conversation() -> ChatRequest {
    let call = ToolUse { id: "call_7".into(), name: "add".into(), input: json!({ "a": 1, "b": 2 }) };
    let messages = [
        Msg::system("Be exact."),
        Msg::user("1+2?"),
        Msg::new(Role::Assistant, vec![Block::text("Let me see."), Block::ToolUse(call.clone())]),
        Msg::tool([ToolResult::ok(&call, "3")]),
        Msg::user("And 3+4?"),
    ];
    let tool = ToolSpec { name: "add".into(), description: "Adds.".into(), parameters: add_schema() };
    let sampling = Sampling {
        temperature: Some(0.5),
        top_p: Some(0.9),
        max_tokens: Some(64),
        stop: vec!["END".into()],
        seed: Some(7),
        ..Sampling::default()
    };
    ChatRequest {
        tools: vec![tool],
        tool_choice: ToolChoice::Tool("add".into()),
        parallel_tool_calls: Some(false),
        sampling,
        ..ChatRequest::new(messages)
    }
}

#[tokio::test]
async fn a_conversation_comes_out_as_it_went_in() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let model = through_rig(Scripted::new("below", move |request: &ChatRequest| {
        log.lock().unwrap().push(request.clone());
        "done"
    }));
    let request = conversation();
    model.chat(&request).await.unwrap();
    assert_eq!(seen.lock().unwrap()[0], request);
    let schema = json!({ "type": "object", "properties": { "sum": { "type": "integer" } } });
    let format = ResponseFormat::JsonSchema { name: "answer".into(), schema };
    model.chat(&ChatRequest::new([Msg::user("?")]).response_format(format)).await.unwrap();
    let Some(ResponseFormat::JsonSchema { name, schema }) = &seen.lock().unwrap()[1].response_format else {
        panic!("no schema arrived")
    };
    assert_eq!((name.as_str(), &schema["properties"]["sum"]["type"]), ("answer", &json!("integer")));
}

fn answer() -> ChatResponse {
    let call = |id: &str, a: i64| {
        Block::ToolUse(ToolUse { id: id.into(), name: "add".into(), input: json!({ "a": a, "b": 1 }) })
    };
    let blocks = vec![Block::text("Both."), call("call_1", 3), call("call_2", 5)];
    ChatResponse::new(Msg::new(Role::Assistant, blocks)).with_usage(11, 5)
}

#[tokio::test]
async fn an_answer_comes_back_as_it_was_given() {
    let model = through_rig(Scripted::new("below", |_: &ChatRequest| answer()));
    let back = model.chat(&conversation()).await.unwrap();
    assert_eq!((&back.message, back.finish), (&answer().message, FinishReason::ToolCalls));
    assert_eq!(back.usage, Some(Usage { input_tokens: 11, output_tokens: 5, ..Usage::default() }));
    let cut = || ChatResponse { finish: FinishReason::Length, ..ChatResponse::text("To be con") };
    let back = through_rig(Scripted::new("below", move |_: &ChatRequest| cut()));
    assert_eq!(back.chat(&conversation()).await.unwrap().finish, FinishReason::Length);
}

#[tokio::test]
async fn a_streamed_answer_is_the_whole_one_in_pieces() {
    let model = through_rig(Scripted::new("below", |_: &ChatRequest| answer()));
    let mut events = model.stream(&conversation()).await.unwrap();
    let (mut text, mut arguments, mut done) = (String::new(), vec![String::new(); 2], None);
    while let Some(event) = events.next().await {
        match event.unwrap() {
            ChatEvent::Text(more) => text += &more,
            ChatEvent::ToolUse { index, arguments: more, .. } => arguments[index] += &more,
            ChatEvent::Done(whole) => done = Some(whole),
            _ => {}
        }
    }
    assert_eq!(text, "Both.");
    let arguments: Vec<serde_json::Value> =
        arguments.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert_eq!(arguments, [json!({ "a": 3, "b": 1 }), json!({ "a": 5, "b": 1 })]);
    let done = done.expect("a last event");
    assert_eq!((&done.message, done.usage.map(|usage| usage.total())), (&answer().message, Some(16)));
}

/// Fails, always in the same way.
pub(crate) struct Failing {
    id: ModelId,
    kind: ErrorKind,
}

impl Failing {
    pub(crate) fn new(failure: ModelFailure) -> Self {
        let id = ModelId { provider: "test".into(), endpoint: String::new(), name: "failing".into(), key: 0 };
        Self { id, kind: ErrorKind::Model(failure) }
    }
}

impl ChatModel for Failing {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn chat<'a>(&'a self, _: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        Box::pin(async { Err(Error::new(self.kind, "it does not work")) })
    }
}

#[tokio::test]
async fn a_failure_keeps_its_kind() {
    use ModelFailure::{RateLimited, Request, Server};
    for failure in [RateLimited, Request, Server] {
        let model = through_rig(Failing::new(failure));
        let error = model.chat(&ChatRequest::new([Msg::user("?")])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model(failure), "{}", error.chain());
        assert!(error.chain().contains("it does not work"), "{}", error.chain());
        let error = model.stream(&ChatRequest::new([Msg::user("?")])).await;
        let error = match error {
            Err(error) => error,
            Ok(mut events) => events.next().await.unwrap().unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::Model(failure), "{}", error.chain());
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_apart_from_a_refusal() {
    let mut config = OpenAIConfig::new("key");
    // Nothing listens at port 9 of this machine.
    config.base_url = "http://127.0.0.1:9/v1".into();
    let model = Model::new(RigModel::new(config.client().chat("some")));
    let error = model.ask("?").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model(ModelFailure::Connect), "{}", error.chain());
    let with_logprobs = ChatRequest::new([Msg::user("?")]).logprobs(0);
    let error = model.chat(&with_logprobs).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model(ModelFailure::Request));
    assert!(error.to_string().contains("log-probabilities"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_rig_is_a_candidate() {
    let runs = tempfile::tempdir().unwrap();
    let model = RigModel::new(Model::new(adder()).rig());
    let tuner = Tuner::new::<native, exact>().dataset(rows()).model("model", model).runs(runs.path());
    let outcome = tuner.run(Evaluation::default()).await.unwrap();
    assert_eq!(outcome.candidates[0].reward.unwrap().mean, 0.75);
}
