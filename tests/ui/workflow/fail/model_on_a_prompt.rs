use agentscope_tuner::{workflow, workflow::Prompt};

#[workflow]
async fn solve(task: String, #[model("strong")] system: Prompt) -> Result<String, String> {
    drop(system);
    Ok(task)
}

fn main() {}
