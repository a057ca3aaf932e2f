use agentscope_tuner::workflow;

#[workflow(name = "math solver")]
async fn solve(task: String) -> Result<String, String> {
    Ok(task)
}

fn main() {}
