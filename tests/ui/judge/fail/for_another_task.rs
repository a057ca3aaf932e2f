use agentscope_tuner::{judge, workflow};

#[workflow]
async fn solve(task: Vec<u8>) -> Result<String, String> {
    String::from_utf8(task).map_err(|error| error.to_string())
}

#[judge(for = solve)]
async fn right(task: &str, response: &str) -> bool {
    task == response
}

fn main() {}
