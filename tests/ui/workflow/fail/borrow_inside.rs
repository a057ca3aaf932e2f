use agentscope_tuner::workflow;

#[workflow]
async fn solve(task: Option<&str>) -> Result<String, String> {
    Ok(task.unwrap_or_default().to_owned())
}

fn main() {}
