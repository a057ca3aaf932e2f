use agentscope_tuner::workflow;

#[workflow]
async fn solve(task: &dyn ToString) -> Result<String, String> {
    Ok(task.to_string())
}

fn main() {}
