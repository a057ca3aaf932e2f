use agentscope_tuner::{workflow, workflow::Prompt};

const SYSTEM: &str = "Be brief.";

#[workflow]
async fn solve(task: String, #[prompt(SYSTEM)] system: Prompt) -> Result<String, String> {
    drop(system);
    Ok(task)
}

fn main() {}
