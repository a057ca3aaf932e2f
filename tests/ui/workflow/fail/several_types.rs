use agentscope_tuner::workflow;

struct Task;
struct Answer;

#[workflow]
async fn solve(task: Task, first: u8, second: char) -> Result<Answer, String> {
    let (Task, _, _) = (task, first, second);
    Ok(Answer)
}

fn main() {}
