/// Solves one problem.
#[workflow]
pub async fn solve(
    task: MathTask,
    #[model("strong")] model: Model,
    /// How to behave.
    #[prompt("Be brief.")]
    system: &Prompt,
) -> Result<Msg> {
    model.ask(task.question).await
}
