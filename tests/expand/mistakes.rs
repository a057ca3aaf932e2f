#[workflow]
#[judge]
fn solve(task: String, #[prompt("")] system: &str) -> Result<Msg> {
    Ok(Msg::assistant(task))
}
