use agentscope_tuner::{Result, model::Model, workflow};
use std::rc::Rc;

#[workflow]
async fn solve(task: String, model: Model) -> Result<String> {
    let shared = Rc::new(task);
    let answer = model.ask("?").await?;
    Ok(answer + &shared)
}

fn main() {}
