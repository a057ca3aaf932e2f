use agentscope_tuner::workflow;

#[workflow(name = "a", name = "b")]
async fn solve(task: String) -> Result<String, String> {
    Ok(task)
}

fn main() {}
