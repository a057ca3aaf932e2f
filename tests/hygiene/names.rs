//! Names that need care.

use agentscope_tuner::{Result, judge, model::Model, tool, workflow, workflow::Prompt};

/// Raw identifiers.
#[workflow]
pub(crate) async fn r#match(
    r#type: &str,
    r#loop: Model,
    #[prompt("Be brief.")] r#use: Prompt,
) -> Result<String> {
    r#loop.ask([&*r#use, r#type].concat()).await
}

/// Raw identifiers.
#[judge(for = r#match, name = "match-judge")]
pub(crate) async fn r#where(r#type: &str, r#in: String, r#loop: &Model) -> bool {
    r#type == r#in && r#loop.id().name.is_empty()
}

/// Raw identifiers.
#[tool]
pub(crate) async fn r#move(
    /// Where to.
    r#in: String,
    r#as: Option<u8>,
) -> String {
    format!("{}{}", r#in, r#as.unwrap_or_default())
}

/// Parameters of the names that generated code has for its own.
#[workflow]
async fn context(__task: String, __context: Prompt, __slot0: Prompt, __output: Model) -> Result<String> {
    Ok(format!("{__task}{__context}{__slot0}{}", __output.id()))
}

/// As above.
#[judge(for = context)]
async fn __judged(__response: &str, __task: String, __context: Prompt, context: Model) -> bool {
    __response == __task && *__context == context.id().name
}

/// As above.
#[tool]
async fn __arguments(__input: String, __arguments: String, __output: u8) -> String {
    format!("{__input}{__arguments}{__output}")
}

/// A function of the name of its parameter.
#[workflow]
async fn model(mut task: (String, u8), model: Model, _unused: &Prompt) -> Result<(String, u8)> {
    task.0 = model.ask("?").await?;
    Ok(task)
}

/// The task is taken apart, the others are mutable.
#[workflow]
async fn apart((left, right): (u8, u8), mut system: Prompt) -> Result<u8> {
    if left < right {
        system = "less".into();
    }
    Ok(left + right + u8::from(system.is_empty()))
}

/// The task is not looked at.
#[judge(for = apart)]
async fn blind(_: (u8, u8), &sum: &u8) -> bool {
    sum == 0
}

/// Attributes of other crates and of the compiler stay on the function.
#[deprecated = "only a test"]
#[workflow]
#[expect(clippy::cast_possible_truncation, reason = "only a test")]
async fn old(task: f64, #[allow(unused_variables)] model: Model) -> Result<f32> {
    Ok(task as f32)
}
