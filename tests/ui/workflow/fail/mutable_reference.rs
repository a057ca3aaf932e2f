use agentscope_tuner::workflow;

#[workflow]
async fn solve(task: &mut String) -> Result<String, String> {
    Ok(task.clone())
}

fn main() {}
