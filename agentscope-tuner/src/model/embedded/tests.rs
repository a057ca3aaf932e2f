use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::{
    error::{ErrorKind, ModelFailure},
    message::{Block, MediaSource, Msg, Role},
    model::{
        ChatEvent, ChatRequest, ChatResponse, FinishReason, Model, ModelSpec, ResponseFormat, ToolChoice,
        ToolSpec,
    },
};

/// A tiny random checkpoint, made by transformers.
fn directory(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../agentscope-tuner-policy/tests/fixtures/models")
        .join(family)
}

fn model(family: &str) -> Model {
    let path = Some(directory(family));
    ModelSpec { path, ..ModelSpec::new("embedded", "") }.build(&|_| None).unwrap()
}

/// The same weights with room for 2,000 tokens: the fixtures' own 128 are few for a list of tools.
fn roomy(family: &str) -> Model {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(directory(family)).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let config = copy.path().join("config.json");
    let mut json: Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
    json["max_position_embeddings"] = 2000.into();
    std::fs::write(&config, json.to_string()).unwrap();
    // All is read when the model is built.
    let path = Some(copy.path().to_owned());
    ModelSpec { path, ..ModelSpec::new("embedded", "") }.build(&|_| None).unwrap()
}

fn question() -> ChatRequest {
    let mut request = ChatRequest::new([Msg::system("Add."), Msg::user("2 + 3?")]).max_tokens(24);
    request.sampling.seed = Some(5);
    request
}

async fn streamed(model: &Model, request: &ChatRequest) -> (Vec<ChatEvent>, ChatResponse) {
    let mut events: Vec<_> = model.stream(request).await.unwrap().map(Result::unwrap).collect().await;
    let Some(ChatEvent::Done(response)) = events.pop() else { panic!("a stream ends with the whole answer") };
    (events, *response)
}

#[tokio::test]
async fn the_same_seed_gives_the_same_answer_and_its_exact_tokens() {
    for family in ["llama3-tied", "llama-biased-sharded", "mistral-window", "qwen2", "qwen3"] {
        let model = model(family);
        assert_eq!(model.id().name, family);
        let mut request = question().logprobs(2);
        // Mistral's template knows no system message of its own, and others alternate strictly.
        request.messages.remove(0);
        let answer = model.chat(&request).await.unwrap();
        assert_eq!(model.chat(&request).await.unwrap(), answer, "{family}");
        let (events, whole) = streamed(&model, &request).await;
        assert_eq!(whole, answer, "{family}");
        let told: String = events
            .iter()
            .filter_map(|event| match event {
                ChatEvent::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(told, answer.message.text(), "{family}");
        let (usage, tokens) = (answer.usage.unwrap(), answer.tokens.unwrap());
        assert_eq!(usage.input_tokens as usize, tokens.prompt_ids.len());
        assert_eq!(usage.output_tokens as usize, tokens.ids.len());
        let log_probs = answer.logprobs.unwrap();
        assert_eq!(log_probs.len(), tokens.logprobs.len());
        for (told, exact) in log_probs.iter().zip(&tokens.logprobs) {
            assert!((told.logprob - f64::from(*exact)).abs() < 1e-9 && told.top.len() == 2);
            assert!(told.top[0].1 >= told.top[1].1 && told.top[0].1 >= told.logprob);
        }
        request.sampling.seed = Some(6);
        assert_ne!(model.chat(&request).await.unwrap().message, answer.message, "{family}");
    }
}

#[tokio::test]
async fn a_stop_text_ends_the_answer_before_it() {
    let model = model("qwen2");
    let free = model.chat(&question()).await.unwrap();
    let text = free.message.text();
    let stop: String = text.chars().skip(text.chars().count() / 2).take(2).collect();
    let answer = model.chat(&question().stop([stop.clone()])).await.unwrap();
    assert_eq!(answer.message.text(), text[..text.find(&stop).unwrap()].trim_end());
    assert_eq!(answer.finish, FinishReason::Stop);
    assert!(answer.usage.unwrap().output_tokens < free.usage.unwrap().output_tokens);
}

#[tokio::test]
async fn a_response_format_holds_even_a_random_model() {
    let schema = json!({
        "type": "object",
        "properties": { "digit": { "enum": [1, 2, 3] }, "sure": { "type": "boolean" } },
        "required": ["digit", "sure"],
        "additionalProperties": false
    });
    for family in ["qwen2", "qwen3", "llama3-tied"] {
        let format = ResponseFormat::JsonSchema { name: "guess".into(), schema: schema.clone() };
        let request = question().response_format(format).max_tokens(200);
        let answer = roomy(family).chat(&request).await.unwrap();
        let value: Value = serde_json::from_str(&answer.message.text()).unwrap();
        assert!(jsonschema::is_valid(&schema, &value), "{family}: {value}");
        assert_eq!(answer.finish, FinishReason::Stop, "{family}");
    }
}

fn tools() -> Vec<ToolSpec> {
    let number = json!({ "enum": [1, 2] });
    let tool = |name: &'static str, parameters| ToolSpec {
        name: name.into(),
        description: "Computes.".into(),
        parameters,
    };
    vec![
        tool(
            "add",
            json!({
                "type": "object",
                "properties": { "a": { "$ref": "#/$defs/Term" } },
                "required": ["a"],
                "additionalProperties": false,
                "$defs": { "Term": number }
            }),
        ),
        tool("stop", json!({ "type": "object", "properties": {}, "additionalProperties": false })),
    ]
}

#[tokio::test]
async fn a_required_tool_is_called_with_arguments_that_fit() {
    for family in ["qwen2", "qwen3", "llama3-tied", "mistral-window"] {
        let model = roomy(family);
        let mut request =
            question().tools(tools()).tool_choice(ToolChoice::Tool("add".into())).max_tokens(200);
        request.messages.remove(0);
        let answer = model.chat(&request).await.unwrap();
        let calls: Vec<_> = answer.message.tool_uses().collect();
        assert_eq!((calls.len(), &*calls[0].name, &*calls[0].id), (1, "add", "call_0"), "{family}");
        assert!([json!({ "a": 1 }), json!({ "a": 2 })].contains(&calls[0].input), "{family}");
        assert_eq!(answer.finish, FinishReason::ToolCalls);
        let any = model.chat(&request.clone().tool_choice(ToolChoice::Required)).await.unwrap();
        assert_eq!(any.message.tool_uses().count(), 1, "{family}");
        let (events, _) = streamed(&model, &request).await;
        assert!(events.iter().any(|event| matches!(event, ChatEvent::ToolUse { index: 0, .. })), "{family}");
    }
}

#[tokio::test]
async fn what_it_cannot_do_is_refused_with_the_remedy() {
    let model = model("qwen2");
    let refusal = async |request: ChatRequest| {
        let error = model.chat(&request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model(ModelFailure::Request));
        error.to_string()
    };
    let mut penalised = question();
    penalised.sampling.presence_penalty = Some(0.5);
    penalised.sampling.extra.insert("best_of".into(), 3.into());
    let message = refusal(penalised).await;
    assert!(message.contains("repetition_penalty") && message.contains("best_of"), "{message}");
    let source = MediaSource::Url { url: "http://127.0.0.1/a.png".into() };
    let picture = Msg::new(Role::User, vec![Block::Image { source }]);
    assert!(refusal(ChatRequest::new([picture])).await.contains("text alone"));
    let long = ChatRequest::new([Msg::user("two ".repeat(3000))]);
    assert!(refusal(long).await.contains("shorten the prompt"));
    let nobody = question().tools(tools()).tool_choice(ToolChoice::Tool("fly".into()));
    assert!(refusal(nobody).await.contains("`fly`"));
}

#[test]
fn a_directory_that_is_no_model_is_named() {
    let build = |path: Option<PathBuf>| {
        ModelSpec { path, ..ModelSpec::new("embedded", "tiny") }.build(&|_| None).unwrap_err()
    };
    assert!(build(None).to_string().contains("path is missing"));
    let error = build(Some("no/such/model".into()));
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.chain().to_string().contains("no/such/model"), "{}", error.chain());
}
