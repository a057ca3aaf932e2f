//! The prompt of an agent on a foreign client is improved as any other.

use agentscope_tuner::{
    candidate::{SlotPath, SlotValue},
    judge::Judge,
    message::{Msg, Role},
    model::{ChatRequest, scripted::Scripted},
    prelude::*,
    strategy::PromptTuning,
    tuner::Tuner,
    workflow::Workflow,
};
use async_openai::{
    Client,
    config::OpenAIConfig,
    types::chat::{
        ChatCompletionRequestSystemMessage, ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs,
    },
};
use serde_json::json;

use crate::world::{Sum, exact};

pub(crate) const PHRASE: &str = "Carry the one.";

/// Asks with a prompt.
#[workflow]
async fn prompted(task: Sum, model: ModelEndpoint, #[prompt("Add.")] system: Prompt) -> Result<String> {
    let config = OpenAIConfig::new().with_api_base(model.base_url()).with_api_key(model.api_key());
    let messages = vec![
        ChatCompletionRequestSystemMessage::from(&*system).into(),
        ChatCompletionRequestUserMessage::from(&*task.question).into(),
    ];
    let mut request = CreateChatCompletionRequestArgs::default();
    let request = request.model(model.model()).messages(messages).build().unwrap();
    let answer = Client::with_config(config).chat().create(request).await.map_err(Error::other)?;
    Ok(answer.choices[0].message.content.clone().unwrap_or_default())
}

/// Adds, but carries only when it is told to.
pub(crate) fn forgetful() -> Scripted {
    Scripted::new("forgetful", |request: &ChatRequest| {
        let told = request.messages.iter().any(|msg| msg.role == Role::System && msg.text().contains(PHRASE));
        let question = request.messages.last().map(Msg::text).unwrap_or_default();
        let numbers: Vec<u64> = question.split('+').filter_map(|word| word.parse().ok()).collect();
        let (a, b) = (numbers[0], numbers[1]);
        let carried = a % 10 + b % 10 >= 10 && !told;
        (a + b - if carried { 10 } else { 0 }).to_string()
    })
}

pub(crate) fn rows(first: u64) -> Dataset {
    let row = |n: u64| json!({ "question": format!("{n}+{}", n + 7), "answer": (2 * n + 7).to_string() });
    Dataset::from_rows((first..first + 40).map(row))
}

/// Tunes the slot `system` of `W`, and expects the phrase that helps in it.
pub(crate) async fn finds_the_phrase<W>()
where
    W: Workflow<Task = Sum, Response = String>,
    exact: Judge<Task = Sum, Response = String>,
{
    let runs = tempfile::tempdir().unwrap();
    let tuning = PromptTuning { phrases: vec![PHRASE.to_owned()], ..PromptTuning::default() };
    let outcome = Tuner::new::<W, exact>()
        .train(rows(10))
        .dataset(rows(60))
        .model("model", forgetful())
        .runs(runs.path())
        .run(tuning)
        .await
        .unwrap();
    let system = SlotPath::new(W::ENTRY.meta.name, "system");
    let Some(SlotValue::Prompt(text)) = outcome.chosen().and_then(|chosen| chosen.slots.get(&system)) else {
        panic!("{}", outcome.headline)
    };
    assert!(text.contains(PHRASE), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phrase_that_helps_is_found() {
    finds_the_phrase::<prompted>().await;
}
