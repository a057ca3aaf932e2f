use agentscope_tuner::judge;

#[judge]
fn right(task: &str, response: &str) -> bool {
    task == response
}

fn main() {}
