//! A model of 0.2 million parameters learns to add by reinforcement: alone, or with a tool that it must learn to call.

use agentscope_tuner::prelude::*;

/// One row of `data/train.jsonl`.
#[derive(Clone, Deserialize)]
struct Addition {
    question: String,
    answer: String,
}

/// Asks the model, which must know.
#[workflow]
async fn mental(task: Addition, model: Model) -> Result<String> {
    model.ask(task.question).await
}

/// Adds two numbers exactly.
#[tool]
async fn add(
    /// First term.
    a: i64,
    /// Second term.
    b: i64,
) -> i64 {
    a + b
}

/// Lets the model call `add`, and then answer.
#[workflow]
async fn with_tool(task: Addition, model: Model) -> Result<String> {
    let reply = ReActAgent::new(model).tool::<add>().max_iters(2).reply(Msg::user(task.question)).await?;
    Ok(reply.text())
}

/// 1 when the answer is right to the character.
#[judge]
async fn exact(task: &Addition, response: &str) -> bool {
    response.trim() == task.answer
}

agentscope_tuner::main!();
