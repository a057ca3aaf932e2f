use agentscope_tuner::workflow;

#[workflow(retries = 3)]
async fn solve(task: String) -> Result<String, String> {
    Ok(task)
}

fn main() {}
