//! Every return type of a judge, with and without `for`.

use agentscope_tuner::{judge::Reward, prelude::*};

#[derive(Clone, Deserialize)]
struct Task {
    answer: String,
}

#[workflow]
async fn solve(task: Task) -> Result<Msg> {
    Ok(Msg::assistant(task.answer))
}

#[judge(for = solve)]
async fn exact(task: &Task, response: &Msg) -> bool {
    response.text() == task.answer
}

#[judge(name = "length")]
async fn by_length(_task: &serde_json::Value, response: &serde_json::Value) -> f64 {
    response.to_string().len() as f64
}

#[judge(for = self::solve)]
async fn with_reasons(task: Task, response: Msg, critic: Model) -> Result<Reward> {
    let reason = critic.ask(response.text()).await?;
    Ok(Reward { feedback: Some(reason), ..Reward::new(f64::from(task.answer.is_empty())) })
}

fn main() {}
