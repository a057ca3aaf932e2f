//! What annotated functions do when they run.
use agentscope_tuner::{
    model::{ChatModel, ChatResponse, ModelId},
    prelude::*,
    workflow::Workflow,
};
use futures_util::future::BoxFuture;
use serde_json::json;

/// A row.
#[derive(Clone, Deserialize)]
struct MathTask {
    question: String,
    answer: String,
}

/// Adds two numbers exactly.
#[tool]
async fn add(
    /// First term.
    a: f64,
    /// Second term.
    b: f64,
) -> f64 {
    a + b
}

/// Solves one problem.
#[workflow]
async fn solve(task: MathTask, model: Model, #[prompt("You are helpful.")] system: Prompt) -> Result<Msg> {
    Ok(Msg::assistant(model.ask(format!("{system} {}", task.question)).await?))
}

/// Is it right?
#[judge(for = solve)]
async fn exact_match(task: &MathTask, response: &Msg) -> bool {
    response.text() == task.answer
}

/// A model that answers with the last word of what it was asked.
struct Echo(ModelId);

impl Echo {
    fn model() -> Model {
        let [provider, endpoint, name] = ["scripted", "", "echo"].map(str::to_owned);
        Model::new(Self(ModelId { provider, endpoint, name, key: 0 }))
    }
}

impl ChatModel for Echo {
    fn id(&self) -> &ModelId {
        &self.0
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        let asked = request.messages.last().map(Msg::text).unwrap_or_default();
        let last = asked.split_whitespace().last().unwrap_or_default().to_owned();
        Box::pin(async move { Ok(ChatResponse::text(last)) })
    }
}

fn context() -> Context {
    Context::builder("train/0")
        .component("solve")
        .slot("model", Echo::model())
        .slot("system", "Be brief.")
        .build()
}

#[tokio::test]
async fn a_workflow_runs_on_a_row() {
    let entry = <solve as Workflow>::ENTRY;
    let task = (entry.parse)(&json!({"question": "say 4", "answer": "4"})).unwrap();
    let produced = (entry.run)(task, context()).await.unwrap();
    assert_eq!(produced.json, json!({"role": "assistant", "content": "4"}));
}
