use agentscope_tuner::workflow;

#[workflow]
async fn solve<'a>(task: &'a str) -> Result<String, String> {
    Ok(task.to_owned())
}

fn main() {}
