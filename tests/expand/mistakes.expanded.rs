fn solve(task: String, system: &str) -> Result<Msg> {
    Ok(Msg::assistant(task))
}
::core::compile_error! {
    "a function is one component: remove one of its attributes, and put what they share in a second function"
}
::core::compile_error! {
    "a workflow is async: write `async fn`"
}
::core::compile_error! {
    "the tuner cannot supply a `&str`: take a `Prompt`, which dereferences to `str`"
}
::core::compile_error! {
    "this default is empty: write #[prompt(\"You are …\")] or #[prompt(file = \"prompts/system.md\")], or remove #[prompt] so that tuner.toml must fill the slot"
}
