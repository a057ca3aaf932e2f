use agentscope_tuner::workflow;

#[workflow]
async fn solve(task: String) -> Result<impl ToString, String> {
    Ok(task)
}

fn main() {}
