use agentscope_tuner::workflow;

struct Solver;

impl Solver {
    #[workflow]
    async fn solve(task: String) -> Result<String, String> {
        Ok(task)
    }
}

fn main() {}
