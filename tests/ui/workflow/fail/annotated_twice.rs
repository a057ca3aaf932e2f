use agentscope_tuner::{judge, workflow};

#[workflow]
#[judge]
async fn solve(task: String) -> Result<String, String> {
    Ok(task)
}

fn main() {}
