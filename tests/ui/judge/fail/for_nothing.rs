use agentscope_tuner::judge;

#[judge(for = solve)]
async fn right(task: &str, response: &str) -> bool {
    task == response
}

fn main() {}
