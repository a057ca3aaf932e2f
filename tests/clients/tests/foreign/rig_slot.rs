//! A slot's model under agents of rig: the three methods, and the same rows as without rig.

use std::convert::Infallible;

use agentscope_tuner::{
    error::ModelFailure, message::Msg, model::ChatRequest, prelude::*, rollout::Status, strategy::Evaluation,
    tuner::Tuner,
};
use rig_agent::AgentBuilder;
use rig_core::{
    completion::{CompletionRequest, Message},
    tool::PortableTool,
};
use serde_json::Value;

use crate::{
    async_openai_client::{SYSTEM, is_kept_as_native},
    prompt::finds_the_phrase,
    rig_model::Failing,
    weights,
    world::{self, Sum, add_schema, calls, exact, records},
};

/// The tool of rig's agents.
struct Add;

impl PortableTool for Add {
    const NAME: &'static str = "add";
    type Args = Terms;
    type Output = String;
    type Error = Infallible;

    fn description(&self) -> String {
        "Adds.".into()
    }

    fn parameters(&self) -> Value {
        add_schema()
    }

    async fn call(&self, Terms { a, b }: Terms) -> Result<String, Infallible> {
        Ok((a + b).to_string())
    }
}

#[derive(Deserialize)]
struct Terms {
    a: i64,
    b: i64,
}

/// An agent of rig with a tool.
#[workflow]
async fn rig_with_tool(task: Sum, model: Model) -> Result<String> {
    let agent = AgentBuilder::new(model.rig()).preamble(SYSTEM).tool(Add).default_max_turns(3).build();
    Ok(agent.prompt(task.question).await.map_err(Error::other)?.output())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_of_rig_with_a_tool_asks_what_the_model_would_be_asked() {
    is_kept_as_native::<rig_with_tool>().await;
}

/// An agent of rig with a prompt to be tuned.
#[workflow]
async fn rig_prompted(task: Sum, model: Model, #[prompt("Add.")] system: Prompt) -> Result<String> {
    let agent = AgentBuilder::new(model.rig()).preamble(&*system).build();
    Ok(agent.prompt(task.question).await.map_err(Error::other)?.output())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_preamble_of_an_agent_of_rig_is_tuned() {
    finds_the_phrase::<rig_prompted>().await;
}

/// Two turns without rig, as long as something is said: rig leaves empty turns out of its history.
#[workflow]
async fn turns(task: Sum, model: Model) -> Result<String> {
    let mut request = ChatRequest::new([Msg::user(task.question)]);
    let first = model.chat(&request).await?.message;
    if first.text().trim().is_empty() {
        return Ok(String::new());
    }
    request.messages.extend([first, Msg::user(weights::AGAIN)]);
    Ok(model.chat(&request).await?.message.text())
}

/// The same by an agent of rig that is given its history.
#[workflow]
async fn rig_turns(task: Sum, model: Model) -> Result<String> {
    let agent = AgentBuilder::new(model.rig()).build();
    let first = agent.prompt(task.question.clone()).await.map_err(Error::other)?.output();
    if first.trim().is_empty() {
        return Ok(String::new());
    }
    let history = [Message::user(task.question), Message::assistant(first)];
    Ok(agent.prompt(weights::AGAIN).history(history).await.map_err(Error::other)?.output())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_learns_under_an_agent_of_rig_what_it_learns_without() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    weights::train::<turns>(one.path()).await;
    weights::train::<rig_turns>(other.path()).await;
    // Token ids and log-probabilities of every step.
    let (without, under_rig) = (calls(one.path()), calls(other.path()));
    assert!(without.len() > 500, "{}", without.len());
    assert!(without.iter().all(|(_, _, response)| response.contains("\"prompt_ids\"")));
    assert_eq!(without, under_rig);
}

/// Wraps the failure of a call in an error of rig's.
#[workflow]
async fn fails(task: Sum, model: Model) -> Result<String> {
    let answer = model.rig().call(CompletionRequest::new(task.question)).await;
    answer.map(|answer| answer.text()).map_err(Error::other)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_rig_wraps_is_still_the_endpoints() {
    let runs = tempfile::tempdir().unwrap();
    let down = Failing::new(ModelFailure::Server);
    let tuner = Tuner::new::<fails, exact>().dataset(world::rows()).model("model", down).runs(runs.path());
    // Nothing could be measured, so that the evaluation itself may fail; the records are what counts here.
    _ = tuner.run(Evaluation::default()).await;
    let statuses: Vec<_> = records(runs.path()).iter().map(|record| record.status).collect();
    assert!(!statuses.is_empty());
    assert!(statuses.iter().all(|status| *status == Status::InfrastructureFailed), "{statuses:?}");
}
