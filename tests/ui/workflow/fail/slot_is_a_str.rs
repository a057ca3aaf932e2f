use agentscope_tuner::workflow;

#[workflow]
async fn solve(task: String, system: &str) -> Result<String, String> {
    Ok(task + system)
}

fn main() {}
