use agentscope_tuner::{workflow, workflow::Prompt};

#[workflow]
async fn solve(task: String, #[prompt(file = "no/such.md")] system: Prompt) -> Result<String, String> {
    drop(system);
    Ok(task)
}

fn main() {}
