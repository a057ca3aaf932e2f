use agentscope_tuner::judge;

#[judge]
async fn right(task: &str, #[prompt("yes")] response: &str) -> bool {
    task == response
}

fn main() {}
