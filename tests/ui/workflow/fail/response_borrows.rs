use agentscope_tuner::workflow;

#[workflow]
async fn solve(task: &str) -> Result<&str, String> {
    Ok(task)
}

fn main() {}
