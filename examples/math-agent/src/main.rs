//! Solves arithmetic word problems: one workflow, one judge, one tool.

mod abacus;

use agentscope_tuner::prelude::*;

/// One row of `data/train.jsonl`.
#[derive(Clone, Deserialize)]
struct MathTask {
    question: String,
    answer: String,
}

/// Adds two numbers exactly.
#[tool]
async fn add(
    /// First term.
    a: f64,
    /// Second term.
    b: f64,
) -> f64 {
    a + b
}

/// Solves one grade-school problem with a ReAct agent.
#[workflow]
async fn solve(
    task: MathTask,
    model: Model,
    #[prompt("You are a helpful math assistant.")] system: Prompt,
) -> Result<Msg> {
    ReActAgent::new(model).system(system).tool::<add>().reply(Msg::user(task.question)).await
}

/// 1 when the last number of the reply is the reference answer.
#[judge]
async fn exact_match(task: &MathTask, response: &Msg) -> bool {
    response.text().split_whitespace().last() == Some(task.answer.as_str())
}

agentscope_tuner::main!();
