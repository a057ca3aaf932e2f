use agentscope_tuner::judge;

#[judge(for)]
async fn right(task: &str, response: &str) -> bool {
    task == response
}

fn main() {}
