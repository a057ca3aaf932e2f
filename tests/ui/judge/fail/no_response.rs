use agentscope_tuner::judge;

#[judge]
async fn right(task: &str) -> bool {
    task.is_empty()
}

fn main() {}
