use agentscope_tuner::workflow;

struct Failed;

#[workflow]
async fn solve(task: String) -> Result<String, Failed> {
    Ok(task)
}

fn main() {}
