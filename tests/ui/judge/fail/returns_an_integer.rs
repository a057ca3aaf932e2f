use agentscope_tuner::judge;

#[judge]
async fn right(task: &str, response: &str) -> usize {
    task.len() - response.len()
}

fn main() {}
