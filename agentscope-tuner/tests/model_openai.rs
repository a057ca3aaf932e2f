//! Chat completions against what OpenAI's own Python client sends and reads (`data/model/make_openai.py`).
#![allow(clippy::unwrap_used, reason = "a failed test")]

mod model_support;

use agentscope_tuner::{
    message::{Block, MediaSource, Msg, Role, ToolResult, ToolUse},
    model::{
        ChatEvent, ChatRequest, ChatResponse, ResponseFormat, Sampling, ToolChoice, ToolSpec, anthropic,
        gemini, openai,
    },
};
use futures_util::StreamExt as _;
use model_support::{Fake, Reply};
use proptest::prelude::*;
use serde_json::{Value, json};

fn fixture(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/model").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn question() -> ChatRequest {
    ChatRequest::new([Msg::user("2 + 2?")])
}

fn add() -> ToolSpec {
    let number = json!({"type": "number"});
    let parameters =
        json!({"type": "object", "properties": {"a": number, "b": number}, "required": ["a", "b"]});
    ToolSpec { name: "add".into(), description: "Adds two numbers.".into(), parameters }
}

fn sampling() -> ChatRequest {
    let messages = [Msg::system("Be brief."), Msg::user("2 + 2?").named("Ada")];
    let sampling = Sampling {
        temperature: Some(0.5),
        top_p: Some(0.9),
        max_tokens: Some(64),
        presence_penalty: Some(0.25),
        frequency_penalty: Some(-0.25),
        seed: Some(7),
        stop: vec!["\n\n".into(), "END".into()],
        reasoning_effort: Some("low".into()),
        ..Sampling::default()
    };
    ChatRequest { sampling, ..ChatRequest::new(messages) }.logprobs(3)
}

fn tools() -> ChatRequest {
    let call = ToolUse { id: "c1".into(), name: "add".into(), input: json!({"a": 2, "b": 2}) };
    let asks = Msg::new(Role::Assistant, vec![Block::ToolUse(call.clone())]);
    let messages = [Msg::user("2 + 2?"), asks, Msg::tool([ToolResult::ok(&call, "4")])];
    let request = ChatRequest::new(messages).tools([add()]).tool_choice(ToolChoice::Tool("add".into()));
    ChatRequest { parallel_tool_calls: Some(false), ..request }
}

fn schema() -> ChatRequest {
    let schema = json!({"type": "object", "properties": {"score": {"type": "number"}}, "required": ["score"],
        "additionalProperties": false});
    question().response_format(ResponseFormat::JsonSchema { name: "grade".into(), schema })
}

fn media() -> ChatRequest {
    let source = |media_type: &str, data: &str| MediaSource::Base64 {
        media_type: media_type.into(),
        data: data.into(),
    };
    let content = vec![
        Block::text("What is this?"),
        Block::Image { source: source("image/png", "AAAA") },
        Block::Audio { source: source("audio/mpeg", "BBBB") },
    ];
    ChatRequest::new([Msg::new(Role::User, content)])
}

#[tokio::test]
async fn requests_are_those_of_the_reference_client() {
    let fake = Fake::start(|_| Reply::json(json!({"choices": [{"message": {"content": "4"}}]}))).await;
    let model = fake.model();
    let expected = fixture("openai_requests.json");
    let required = question().tools([add()]).tool_choice(ToolChoice::Required);
    let cases = [
        ("sampling", sampling()),
        ("tools", tools()),
        ("required", required),
        ("schema", schema()),
        ("media", media()),
    ];
    for (name, request) in cases {
        model.chat(&request).await.unwrap();
        assert_eq!(fake.last_body(), expected[name], "{name}");
    }
    let _refused = model.stream(&question()).await;
    assert_eq!(fake.last_body(), expected["stream"]);
}

/// What our client makes of an answer.
async fn read(answer: Reply) -> ChatResponse {
    let fake = Fake::start(move |_| answer.clone()).await;
    fake.model().chat(&question()).await.unwrap()
}

/// What it makes of a stream, and the pieces on the way.
async fn read_stream(chunks: Vec<Vec<u8>>) -> (Vec<ChatEvent>, ChatResponse) {
    let fake = Fake::start(move |_| Reply::events(chunks.clone())).await;
    let stream = fake.model().stream(&question()).await.unwrap();
    let mut events: Vec<_> = stream.map(|event| event.unwrap()).collect().await;
    let Some(ChatEvent::Done(response)) = events.pop() else { panic!("no end") };
    (events, *response)
}

#[tokio::test]
async fn answers_of_the_reference_types_are_read() {
    let answers = &fixture("openai_answers.json")["answers"];
    let text = read(Reply::json(answers["text"].clone())).await;
    assert_eq!((&*text.message.text(), &*text.model), ("4", "tiny-1"));
    let usage = serde_json::to_value(text.usage).unwrap();
    let expected = json!({"input_tokens": 12, "output_tokens": 7, "cached_tokens": 4, "reasoning_tokens": 3});
    assert_eq!(usage, expected);
    let calls = read(Reply::json(answers["calls"].clone())).await;
    let inputs: Vec<_> = calls.message.tool_uses().map(|call| (&*call.id, call.input.clone())).collect();
    assert_eq!(inputs, [("c1", json!({"a": 2, "b": 2})), ("c2", json!("{\"a\":"))]);
    let refusal = read(Reply::json(answers["refusal"].clone())).await;
    assert_eq!(refusal.message.text(), "I won't.");
    let logprobs = read(Reply::json(answers["logprobs"].clone())).await.logprobs.unwrap();
    let tokens: Vec<_> = logprobs.iter().map(|token| (&*token.token, token.logprob)).collect();
    assert_eq!(tokens, [("4", -0.5), (".", -1.5)]);
}

#[tokio::test]
async fn streams_end_as_the_reference_client_puts_them_together() {
    let fixture = fixture("openai_answers.json");
    for (name, stream) in fixture["streams"].as_object().unwrap() {
        let whole = read(Reply::json(stream["completion"].clone())).await;
        let events = stream["events"].as_str().unwrap().as_bytes().to_vec();
        let (pieces, streamed) = read_stream(vec![events]).await;
        assert_eq!(streamed, whole, "{name}");
        let text: String = pieces
            .iter()
            .filter_map(|event| match event {
                ChatEvent::Text(text) => Some(&**text),
                _ => None,
            })
            .collect();
        assert_eq!(text, whole.message.text(), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However the network cuts a stream, within a character too, the answer is the same.
    #[test]
    fn chunk_borders_do_not_matter(name in prop::sample::select(vec!["text", "calls"]), cuts in prop::collection::vec(1..60usize, 1..40)) {
        let stream = &fixture("openai_answers.json")["streams"][name];
        let mut rest = stream["events"].as_str().unwrap().as_bytes();
        let mut chunks = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, tail) = rest.split_at(rest.len().min(*cut));
            chunks.push(chunk.to_vec());
            rest = tail;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (whole, streamed) = runtime.block_on(async {
            let whole = read(Reply::json(stream["completion"].clone())).await;
            (whole, read_stream(chunks).await.1)
        });
        prop_assert_eq!(streamed, whole);
    }

    /// Any bytes at all are an answer or an error, in both modes.
    #[test]
    fn arbitrary_answers_never_panic(body in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "data: [\\[\\]{}a-z\":,0-9 ]{0,60}\n\n".prop_map(String::into_bytes),
        "data: \\{\"(type|candidates|choices)\":[\\[\\]{}a-z\":,0-9_ ]{0,60}\n\n".prop_map(String::into_bytes),
        r#"\{"choices":\[\{"(message|delta)":[\[\]{}a-z":,0-9 ]{0,40}"#.prop_map(String::into_bytes),
    ], status in prop::sample::select(vec![200u16, 400, 429, 500])) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fake = Fake::start_by_path(move |path, request| {
                let streams = request["stream"] == true || path.contains("stream");
                let kind = if streams { "text/event-stream" } else { "application/json" };
                Reply::new(status, kind, body.clone())
            }).await;
            for builder in [openai("x"), anthropic("x"), gemini("x")] {
                let model = builder.base_url(&fake.url).max_retries(0).build().unwrap();
                let _answer = model.chat(&question()).await;
                if let Ok(stream) = model.stream(&question()).await {
                    let _events: Vec<_> = stream.collect().await;
                }
            }
        });
    }
}
