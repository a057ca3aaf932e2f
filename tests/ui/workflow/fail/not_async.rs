use agentscope_tuner::prelude::*;

#[workflow]
fn solve(task: String, model: Model) -> Result<String> {
    Ok(task)
}

fn main() {}
