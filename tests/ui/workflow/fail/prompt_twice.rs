use agentscope_tuner::{workflow, workflow::Prompt};

#[workflow]
async fn solve(
    task: String,
    #[prompt("Be brief.")]
    #[prompt("Be exact.")]
    system: Prompt,
) -> Result<String, String> {
    drop(system);
    Ok(task)
}

fn main() {}
