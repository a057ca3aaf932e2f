use agentscope_tuner::{model::Model, workflow};

#[workflow]
async fn solve(task: String, _: Model) -> Result<String, String> {
    Ok(task)
}

fn main() {}
