use agentscope_tuner::judge;

#[judge]
async fn right(task: &str, response: &str) {
    assert_eq!(task, response);
}

fn main() {}
