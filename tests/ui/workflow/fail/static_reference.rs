use agentscope_tuner::workflow;

#[workflow]
async fn solve(task: &'static str) -> Result<String, String> {
    Ok(task.to_owned())
}

fn main() {}
