use agentscope_tuner::workflow;

#[workflow(for = solve)]
async fn solve(task: String) -> Result<String, String> {
    Ok(task)
}

fn main() {}
