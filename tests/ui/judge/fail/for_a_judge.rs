use agentscope_tuner::judge;

#[judge]
async fn long(task: &str, response: &str) -> bool {
    task.len() < response.len()
}

#[judge(for = long)]
async fn right(task: &str, response: &str) -> bool {
    task == response
}

fn main() {}
