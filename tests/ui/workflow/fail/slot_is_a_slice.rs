use agentscope_tuner::{workflow, workflow::Demo};

#[workflow]
async fn solve(task: String, demos: &[Demo]) -> Result<String, String> {
    drop(demos);
    Ok(task)
}

fn main() {}
