use agentscope_tuner::workflow;

#[workflow]
async fn solve(task: impl Into<String>) -> Result<String, String> {
    Ok(task.into())
}

fn main() {}
