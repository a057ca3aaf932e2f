use agentscope_tuner::workflow;

#[workflow]
async fn solve(task: String, attempts: u32) -> Result<String, String> {
    drop(attempts);
    Ok(task)
}

fn main() {}
