use agentscope_tuner::workflow;

trait Solver {
    #[workflow]
    async fn solve(task: String) -> Result<String, String>;
}

fn main() {}
