use agentscope_tuner::{
    ErrorKind,
    prelude::*,
    workflow::{Produced, SlotDefault, SlotSpec, Workflow},
};
use serde_json::{Value, json};

use crate::echo;

/// One row.
#[derive(Clone, Deserialize)]
struct Problem {
    question: String,
    hints: Vec<String>,
}

/// Solves one problem.
///
///     With an indented line.
#[workflow]
async fn solve(
    problem: Problem,
    #[model("strong")] model: Model,
    /// How to behave.
    #[prompt("Be brief.")]
    system: &Prompt,
    examples: Demos,
    context: Context,
) -> Result<Msg> {
    context.metric("hints", problem.hints.len() as f64);
    let answer = model.ask(format!("{system}{examples} {}", problem.question)).await?;
    Ok(Msg::assistant(answer))
}

fn context() -> Context {
    Context::builder("train/0").component("solve").slot("model", echo()).slot("system", "Be exact.").build()
}

async fn run<W: Workflow>(row: Value, context: Context) -> Result<Produced> {
    (W::ENTRY.run)((W::ENTRY.parse)(&row)?, context).await
}

#[tokio::test]
async fn a_row_becomes_a_response() {
    let context = context();
    let row = json!({"question": "say 4", "hints": ["2 + 2"]});
    let produced = run::<solve>(row, context.clone()).await.unwrap();
    assert_eq!(produced.json, json!({"role": "assistant", "content": "4"}));
    assert_eq!(produced.response.downcast_ref::<Msg>(), Some(&Msg::assistant("4")));
    assert_eq!(context.metrics()["hints"], 1.0);
}

#[tokio::test]
async fn the_function_stays_plain_rust() {
    let problem = Problem { question: "say 5".into(), hints: vec![] };
    let context = Context::builder("test").build();
    let reply = solve(problem, echo(), &"Be brief.".into(), Demos::default(), context).await.unwrap();
    assert_eq!(reply.text(), "5");
}

#[tokio::test]
async fn a_slot_that_is_not_filled_is_named() {
    let row = json!({"question": "say 4", "hints": []});
    let error = run::<solve>(row, Context::builder("train/0").component("solve").build()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("`model`"), "{error}");
}

#[tokio::test]
async fn a_row_that_does_not_fit_is_named() {
    let row = json!({"question": "say 4", "hints": [1]});
    let error = run::<solve>(row, context()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Task);
    assert!(error.to_string().contains("hints[0]"), "{error}");
}

#[test]
fn the_entry_describes_the_function() {
    let entry = solve::ENTRY;
    assert_eq!(entry.meta.name, "solve");
    assert_eq!(entry.meta.doc, "Solves one problem.\n\n    With an indented line.");
    assert_eq!(entry.meta.module, module_path!());
    assert!(entry.meta.location.file.ends_with(file!()), "{}", entry.meta.location);
    let attribute = include_str!("workflow.rs").lines().position(|line| line == "#[workflow]").unwrap();
    assert_eq!(entry.meta.location.line as usize, attribute + 1);
    assert!(entry.task.name().ends_with("::Problem") && entry.response.name().ends_with("::Msg"));
}

#[test]
fn the_signature_declares_the_slots() {
    let declared = |slot: &SlotSpec| (slot.name, slot.role, slot.default, slot.type_name, slot.doc);
    let slots: Vec<_> = solve::ENTRY.slots.iter().map(declared).collect();
    assert_eq!(
        slots,
        [
            ("model", SlotRole::Model, SlotDefault::Model("strong"), "Model", ""),
            ("system", SlotRole::Prompt, SlotDefault::Prompt("Be brief."), "Prompt", "How to behave."),
            ("examples", SlotRole::Demos, SlotDefault::None, "Demos", ""),
            ("context", SlotRole::Context, SlotDefault::None, "Context", ""),
        ]
    );
}

/// The first number, a reward of its own, and an error type of its own.
#[workflow(name = "first-of_all")]
async fn first(numbers: &[f64]) -> Result<WorkflowOutput<f64>, std::fmt::Error> {
    let first = numbers.first().ok_or(std::fmt::Error)?;
    Ok(WorkflowOutput::new(*first).reward(0.5).metric("count", numbers.len() as f64))
}

#[tokio::test]
async fn a_workflow_can_reward_itself() {
    let context = Context::builder("test").build();
    let produced = run::<first>(json!([7.0, 8.0]), context.clone()).await.unwrap();
    assert_eq!((produced.json, produced.reward), (json!(7.0), Some(0.5)));
    assert_eq!(produced.metrics["count"], 2.0);
    assert_eq!(first::ENTRY.meta.name, "first-of_all");
    assert!(run::<first>(json!([]), context).await.is_err());
}

/// Any row.
#[workflow]
async fn any(row: &Value, mut text: Prompt, limit: Limit) -> Result<String, String> {
    text = format!("{text}{row}").into();
    Ok(text.chars().take(limit.0).collect())
}

/// A slot of a type of the user's own.
struct Limit(usize);

impl FromContext for Limit {
    const ROLE: SlotRole = SlotRole::Value;

    fn from_context(context: &Context, slot: &str) -> Result<Self> {
        Ok(Self(context.value(slot)?.unwrap_or(3)))
    }
}

#[tokio::test]
async fn users_supply_types_of_their_own() {
    let context = Context::builder("test").slot("text", "row: ").slot("limit", json!(6)).build();
    assert_eq!(run::<any>(json!(12), context).await.unwrap().json, json!("row: 1"));
    let context = Context::builder("test").slot("text", "row: ").build();
    assert_eq!(run::<any>(json!(12), context).await.unwrap().json, json!("row"));
}

#[test]
fn a_prompt_is_read_from_a_file() {
    let system = fixture_renamed::ask::ENTRY.slots[1];
    assert_eq!(system.default, SlotDefault::Prompt("Answer in one sentence."));
}
