use agentscope_tuner::{model::Model, workflow};

#[workflow]
async fn solve(task: String, #[prompt("Be brief.")] model: Model) -> Result<String, String> {
    drop(model);
    Ok(task)
}

fn main() {}
