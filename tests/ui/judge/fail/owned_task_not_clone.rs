use agentscope_tuner::judge;

struct Task(String);

#[judge]
async fn right(task: Task, response: &str) -> bool {
    task.0 == response
}

fn main() {}
