use agentscope_tuner::workflow;

#[workflow(crate = tuner)]
async fn solve(task: String) -> Result<String, String> {
    Ok(task)
}

fn main() {}
