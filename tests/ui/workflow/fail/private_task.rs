pub mod solver {
    use agentscope_tuner::workflow;

    #[derive(Clone, serde::Deserialize)]
    struct Task;

    #[workflow]
    pub async fn solve(task: Task) -> Result<String, String> {
        let Task = task;
        Ok(String::new())
    }
}

fn main() {}
