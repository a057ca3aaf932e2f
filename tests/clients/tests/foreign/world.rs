//! What the agents are asked, by whom they are answered, and what a run keeps of it.

use std::path::Path;

use agentscope_tuner::{
    message::{Block, Msg, Role, ToolUse},
    model::{ChatRequest, ChatResponse, scripted::Scripted},
    prelude::*,
    rollout::{Record, Store},
    strategy::{Evaluation, Outcome},
    tuner::Tuner,
    workflow::Workflow,
};
use serde_json::{Value, json};

/// A row.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Sum {
    pub(crate) question: String,
    pub(crate) answer: String,
}

/// 1 when the answer is right.
#[judge]
pub(crate) async fn exact(task: &Sum, response: &str) -> bool {
    response == task.answer
}

/// The schema of the tool's arguments.
pub(crate) fn add_schema() -> Value {
    json!({
        "type": "object",
        "properties": { "a": { "type": "integer" }, "b": { "type": "integer" } },
        "required": ["a", "b"]
    })
}

/// Calls the tool that it is offered, repeats what a tool says, and adds up in its head where there is none.
pub(crate) fn adder() -> Scripted {
    Scripted::new("adder", |request: &ChatRequest| {
        let last = request.messages.last().unwrap();
        if let Some(result) = last.tool_results().next() {
            return ChatResponse::text(result.text()).with_usage(30, 2);
        }
        let text = last.text();
        let numbers: Vec<i64> =
            text.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
        let (a, b) = (numbers[0], numbers[1]);
        if request.tools.is_empty() {
            return ChatResponse::text((a + b).to_string()).with_usage(20, 2);
        }
        let call = ToolUse { id: "call_1".into(), name: "add".into(), input: json!({ "a": a, "b": b }) };
        ChatResponse::new(Msg::new(Role::Assistant, vec![Block::ToolUse(call)])).with_usage(25, 9)
    })
}

/// Three rows that the model can do, and one that nobody can.
pub(crate) fn rows() -> Dataset {
    let rows = [("12+30", "42"), ("1+1", "2"), ("7+8", "15"), ("2+2", "5")];
    Dataset::from_rows(rows.map(|(question, answer)| json!({ "question": question, "answer": answer })))
}

/// What came of an evaluation of `W`, whose model is the adder.
pub(crate) async fn evaluate<W>(runs: &Path) -> Outcome
where
    W: Workflow<Task = Sum, Response = String>,
    exact: agentscope_tuner::judge::Judge<Task = Sum, Response = String>,
{
    let tuner = Tuner::new::<W, exact>().dataset(rows()).model("model", adder()).runs(runs);
    tuner.run(Evaluation::default()).await.unwrap()
}

/// Requests and answers of the one run in `runs`, as JSON, in the order of their keys.
pub(crate) fn calls(runs: &Path) -> Vec<(String, String, String)> {
    let store = rusqlite::Connection::open(runs.join("latest/run.sqlite")).unwrap();
    let mut rows = store.prepare("SELECT hex(key), request, response FROM call ORDER BY key").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.map(std::result::Result::unwrap).collect()
}

/// The records of the one run in `runs`, by row.
pub(crate) fn records(runs: &Path) -> Vec<Record> {
    let records = Store::view(runs.join("latest/run.sqlite")).unwrap().rollouts().unwrap();
    let mut records: Vec<_> = records.into_iter().map(|(_, record)| record).collect();
    records.sort_by(|one, other| one.task_id.cmp(&other.task_id));
    records
}
