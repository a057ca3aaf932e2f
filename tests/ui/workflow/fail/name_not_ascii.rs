use agentscope_tuner::workflow;

#[workflow]
async fn löse(task: String) -> Result<String, String> {
    Ok(task)
}

fn main() {}
