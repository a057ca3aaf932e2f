#[workflow(name = "math-solver", crate = renamed::tuner)]
async fn solve(task: &str, #[prompt(file = "prompts/system.md")] r#type: Prompt) -> Result<String> {
    todo!()
}
