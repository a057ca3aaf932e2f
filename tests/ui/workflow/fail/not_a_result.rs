use agentscope_tuner::workflow;

#[workflow]
async fn solve(task: String) -> String {
    task
}

fn main() {}
