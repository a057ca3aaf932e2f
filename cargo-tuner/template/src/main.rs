//! An agent that solves arithmetic word problems, and what tells how well it does.

mod coach;

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

/// The annotated functions stay ordinary functions, so they are tested as such.
#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_number_is_the_answer() {
        let task = MathTask { question: "How many is 5 and 7?".into(), answer: "12".into() };
        assert!(exact_match(&task, &Msg::assistant("5 + 7 = 12, so 12")).await);
        assert!(!exact_match(&task, &Msg::assistant("12 or 13")).await);
        assert!(!exact_match(&task, &Msg::assistant("")).await);
    }
}
