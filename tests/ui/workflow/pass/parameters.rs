//! Every way to take the task, and every kind of slot.

use agentscope_tuner::{
    prelude::*,
    workflow::{FromContext, SlotRole},
};

#[derive(Clone, Deserialize)]
struct Task {
    question: String,
}

struct TopK(usize);

impl FromContext for TopK {
    const ROLE: SlotRole = SlotRole::Value;

    fn from_context(context: &Context, slot: &str) -> Result<Self> {
        Ok(Self(context.value(slot)?.unwrap_or(5)))
    }
}

#[workflow]
async fn by_value(task: Task) -> Result<String, String> {
    Ok(task.question)
}

#[workflow]
async fn by_reference(task: &Task, solver: Model, #[model("strong")] verifier: &Model) -> Result<String> {
    let answer = solver.ask(&task.question).await?;
    verifier.ask(answer).await
}

#[workflow(name = "by-text")]
async fn by_text(task: &str, #[prompt("Be brief.")] r#system: Prompt, demos: Demos) -> Result<String> {
    Ok(format!("{system}{demos}{task}"))
}

#[workflow]
async fn by_slice(task: &[f64], k: TopK, context: &Context) -> Result<f64> {
    context.metric("k", k.0 as f64);
    Ok(task.iter().take(k.0).sum())
}

fn main() {}
