//! Reinforcement learning through a foreign client comes to what it comes to through the model, to the bit.

use std::path::{Path, PathBuf};

use agentscope_tuner::{
    candidate::SlotPath,
    judge::Judge,
    model::{Model, embedded::Embedded},
    policy::{engine::EngineSettings, optimizer::Schedule},
    prelude::*,
    rollout::Store,
    strategy::weights::WeightsTuning,
    tuner::Tuner,
    workflow::Workflow,
};
use async_openai::{
    Client,
    config::OpenAIConfig,
    types::chat::{
        ChatCompletionRequestAssistantMessage, ChatCompletionRequestUserMessage,
        CreateChatCompletionRequestArgs,
    },
};
use serde_json::json;

use crate::world::{Sum, calls};

pub(crate) const AGAIN: &str = "Again?";

/// Two turns through the model.
#[workflow]
async fn native_turns(task: Sum, model: Model) -> Result<String> {
    let mut request = ChatRequest::new([Msg::user(task.question)]);
    let first = model.chat(&request).await?.message;
    request.messages.extend([first, Msg::user(AGAIN)]);
    Ok(model.chat(&request).await?.message.text())
}

/// The same two turns through `async-openai`.
#[workflow]
async fn foreign_turns(task: Sum, model: ModelEndpoint) -> Result<String> {
    let config = OpenAIConfig::new().with_api_base(model.base_url()).with_api_key(model.api_key());
    let client = Client::with_config(config);
    let mut messages = vec![ChatCompletionRequestUserMessage::from(&*task.question).into()];
    let mut text = String::new();
    for turn in 0..2 {
        if turn == 1 {
            messages.push(ChatCompletionRequestAssistantMessage::from(&*text).into());
            messages.push(ChatCompletionRequestUserMessage::from(AGAIN).into());
        }
        let mut request = CreateChatCompletionRequestArgs::default();
        let request = request.model(model.model()).messages(messages.clone()).build().unwrap();
        let answer = client.chat().create(request).await.map_err(Error::other)?;
        text = answer.choices[0].message.content.clone().unwrap_or_default();
    }
    Ok(text)
}

/// The share of the letters that are ones: something that a model without knowledge can learn.
#[judge]
pub(crate) async fn ones(_task: &Sum, response: &str) -> f64 {
    let ones = response.chars().filter(|letter| *letter == '1').count();
    f64::from(u32::try_from(ones).unwrap()) / 4.0
}

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/addition/model")
}

fn rows(first: u32) -> Dataset {
    let row = |a: u32| json!({ "question": format!("{a}+{}=", a + 1), "answer": (a + a + 1).to_string() });
    Dataset::from_rows((first..first + 8).map(row))
}

pub(crate) async fn train<W>(runs: &Path)
where
    W: Workflow<Task = Sum, Response = String>,
    ones: Judge<Task = Sum, Response = String>,
{
    let policy = Embedded::open("tiny", model(), &EngineSettings::default()).unwrap();
    let name = W::ENTRY.meta.name;
    let strategy = WeightsTuning {
        steps: 12,
        batch_size: 4,
        group_size: 8,
        max_tokens: Some(4),
        schedule: Schedule::constant(3e-3),
        eval_interval: 6,
        ..WeightsTuning::new(SlotPath::new(name, "model"), "model", policy.clone())
    };
    let tuner = Tuner::new::<W, ones>().train(rows(10)).dataset(rows(50)).model("model", policy).runs(runs);
    tuner.run(strategy).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_learns_through_a_client_what_it_learns_through_the_model() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    train::<native_turns>(one.path()).await;
    train::<foreign_turns>(other.path()).await;
    // Keys, requests and answers with their token ids and log-probabilities, of every step.
    let (through_model, through_client) = (calls(one.path()), calls(other.path()));
    assert!(through_model.len() > 500, "{}", through_model.len());
    assert!(through_model.iter().all(|(_, _, response)| response.contains("\"prompt_ids\"")));
    assert_eq!(through_model, through_client);
    let rewards = |runs: &Path| -> Vec<f64> {
        let metrics = Store::view(runs.join("latest/run.sqlite")).unwrap().metrics().unwrap();
        let all = metrics.values().flatten();
        all.filter(|(name, _)| *name == "reward").map(|(_, value)| *value).collect()
    };
    let learnt = rewards(other.path());
    assert_eq!(learnt, rewards(one.path()));
    assert!(learnt.len() == 12 && learnt[11] > learnt[0] + 0.05, "{learnt:?}");
}
