use agentscope_tuner::workflow;

#[workflow]
async fn solve(task: String) {
    drop(task);
}

fn main() {}
