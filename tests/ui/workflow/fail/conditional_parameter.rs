use agentscope_tuner::{model::Model, workflow};

#[workflow]
async fn solve(task: String, #[cfg(unix)] model: Model) -> Result<String, String> {
    drop(model);
    Ok(task)
}

fn main() {}
