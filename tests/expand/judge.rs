/// Whether the answer is right.
#[judge(for = workflows::solve)]
async fn right(task: &MathTask, response: Msg, grader: Model) -> bool {
    task.answer == response.text()
}
