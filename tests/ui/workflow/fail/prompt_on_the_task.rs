use agentscope_tuner::workflow;

#[workflow]
async fn solve(#[prompt("Be brief.")] task: String) -> Result<String, String> {
    Ok(task)
}

fn main() {}
