//! `rig-core`, as published: chat completions, and Anthropic's messages.

use agentscope_tuner::prelude::*;
use rig_core::{
    completion::CompletionRequest,
    providers::{anthropic::wire::AnthropicConfig, openai::OpenAIConfig},
};

use crate::world::{Sum, calls, evaluate};

/// Asks through rig's chat completions.
#[workflow]
async fn through_rig(task: Sum, model: ModelEndpoint) -> Result<String> {
    let mut config = OpenAIConfig::new(model.api_key().to_owned());
    model.base_url().clone_into(&mut config.base_url);
    let completion = config.client().chat(model.model());
    let answer = completion.call(CompletionRequest::new(task.question)).await.map_err(Error::other)?;
    Ok(answer.text())
}

/// Asks through rig's client of Anthropic.
#[workflow]
async fn through_rig_as_anthropic(task: Sum, model: ModelEndpoint) -> Result<String> {
    let mut config = AnthropicConfig::new(model.api_key().to_owned());
    model.anthropic_base_url().clone_into(&mut config.base_url);
    let request = CompletionRequest::new(task.question).max_tokens(64);
    let answer = config.client().completion(model.model()).call(request).await.map_err(Error::other)?;
    Ok(answer.text())
}

#[tokio::test(flavor = "multi_thread")]
async fn rig_is_an_agent_like_any_other() {
    let runs = tempfile::tempdir().unwrap();
    let outcome = evaluate::<through_rig>(runs.path()).await;
    assert_eq!(outcome.candidates[0].reward.unwrap().mean, 0.75);
    assert_eq!(calls(runs.path()).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn rig_is_an_agent_in_anthropics_protocol() {
    let runs = tempfile::tempdir().unwrap();
    let outcome = evaluate::<through_rig_as_anthropic>(runs.path()).await;
    assert_eq!(outcome.candidates[0].reward.unwrap().mean, 0.75);
    assert_eq!(calls(runs.path()).len(), 4);
}
