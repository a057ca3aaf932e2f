//! A workflow without a line of Rust: a program in the configuration.

use std::sync::Arc;

use agentscope_tuner::{
    Result,
    candidate::{Candidate, SlotPath, SlotValue},
    config::Config,
    model::{ChatRequest, ChatResponse, Model, scripted::Scripted},
    registry::Registry,
    rollout::{Job, ModelTable, PricedModel, Record, Run, Status, Store, Task},
    tuner::Session,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// Asks the gateway with curl, and takes the answer out with sed.
const AGENT: &str = r#"curl -s "$OPENAI_BASE_URL/chat/completions" -H "Authorization: Bearer $OPENAI_API_KEY" -d "{\"model\": \"$OPENAI_MODEL\", \"messages\": [{\"role\": \"system\", \"content\": \"$SLOT_SYSTEM\"}, {\"role\": \"user\", \"content\": $TASK}]}" | sed 's/.*"content":"\([^"]*\)".*/\1/'"#;

fn config(script: &str) -> Config {
    let script = toml::Value::from(script);
    let text = format!(
        "[workflows.ask]\ncommand = [\"sh\", \"-c\", {script}]\nslots = {{ model = \"model\", system = \"prompt\" }}\n\
         [slots.ask]\nmodel = \"echo\"\nsystem = \"Be brief.\"\n"
    );
    Config::parse(&text, "tuner.toml", "".into(), None, &[]).unwrap()
}

fn models() -> ModelTable {
    let echo = Scripted::new("echo", |request: &ChatRequest| {
        let said: Vec<_> = request.messages.iter().map(agentscope_tuner::message::Msg::text).collect();
        ChatResponse::text(said.join("|")).with_usage(10, 5)
    });
    ModelTable::default().with("echo", PricedModel::from(Model::new(echo)))
}

async fn run(script: &str, candidates: &[Candidate], tasks: &[&str]) -> Result<Run> {
    let config = config(script);
    let registry = Registry::builder().entries(config.workflows()).build()?;
    let session = Session::prepare(&registry, &config)?;
    let scratch = tempfile::tempdir()?;
    let store = Store::open(scratch.path().join("run.sqlite"))?;
    let engine = session.engine(models(), store, CancellationToken::new())?;
    let tasks: Vec<_> = (0..)
        .zip(tasks)
        .map(|(id, task)| Arc::new(Task { id: format!("test/{id}"), value: json!(task) }))
        .collect();
    let candidates: Vec<_> = candidates.iter().cloned().map(Arc::new).collect();
    engine.run(Job::grid(&candidates, &tasks, 1), |_| {}).await
}

async fn records(script: &str, tasks: &[&str]) -> Vec<Arc<Record>> {
    let run = run(script, &[Candidate::configured()], tasks).await.unwrap();
    assert!(run.stopped.is_none(), "{:?}", run.stopped);
    run.records
}

#[tokio::test(flavor = "multi_thread")]
async fn its_slots_are_in_its_environment_and_its_calls_are_counted() {
    let kind = SlotValue::Prompt("Be kind.".into());
    let kind = Candidate::new("kind").with(SlotPath::new("ask", "system"), kind);
    let run = run(AGENT, &[Candidate::configured(), kind], &["hello", "bye"]).await.unwrap();
    let said: Vec<_> = run.records.iter().map(|record| record.response.as_str().unwrap()).collect();
    assert_eq!(said, ["Be brief.|hello", "Be kind.|hello", "Be brief.|bye", "Be kind.|bye"]);
    for record in run.records {
        assert_eq!((record.spent.calls, record.spent.usage.total()), (1, 15));
        assert_eq!(&*record.calls[0].slot, "ask.model");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_program_is_a_failed_task_and_no_more() {
    let script =
        r#"read task; [ "$task" = '"bad"' ] && { echo "no $task" >&2; exit 4; }; echo "$TASK_ID $ATTEMPT""#;
    let records = records(script, &["good", "bad", "good"]).await;
    let status: Vec<_> = records.iter().map(|record| record.status).collect();
    // Nothing judges here: what was answered stays unscored.
    assert_eq!(status, [Status::JudgeFailed, Status::TaskFailed, Status::JudgeFailed]);
    assert_eq!(records[0].response, json!("test/0 0"));
    let error = records[1].error.as_deref().unwrap();
    assert!(error.contains("exit status: 4") && error.ends_with("no \"bad\""), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_rollout_cannot_use_the_key_of_another() {
    let kept = tempfile::tempdir().unwrap();
    let key = kept.path().join("key");
    // The first rollout leaves its key to the second, which asks with it while the run, and so the server, goes on.
    let script = format!(
        r#"if [ -f {key} ]; then sleep 1; curl -s -o /dev/null -w '%{{http_code}}' "$OPENAI_BASE_URL/models" -H "Authorization: Bearer $(cat {key})"; else echo "$OPENAI_API_KEY" > {key}; fi"#,
        key = key.display()
    );
    let config = config(&script);
    let registry = Registry::builder().entries(config.workflows()).build().unwrap();
    let session = Session::prepare(&registry, &config).unwrap();
    let store = Store::open(kept.path().join("run.sqlite")).unwrap();
    let engine = session.engine(models(), store, CancellationToken::new()).unwrap();
    let candidate = Arc::new(Candidate::configured());
    let mut said = Vec::new();
    for id in ["a", "b"] {
        let task = Arc::new(Task { id: id.to_owned(), value: json!(id) });
        let run =
            engine.run([Job { candidate: Arc::clone(&candidate), task, attempt: 0 }], |_| {}).await.unwrap();
        said.push(run.records[0].response.clone());
    }
    assert_eq!(said, [json!(""), json!("401")]);
}
