//! Tuned workflows over runs as the command line leaves them.

use std::{fs, net::SocketAddr};

use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};

use super::*;
use crate as agentscope_tuner;
use crate::{
    candidate::SlotPath,
    model::{ChatResponse, Model, Sampling, scripted::Scripted},
    strategy::{Counts, Summary},
    tuner::{CONFIG, DIRECTORY},
    workflow::{Demos, Prompt},
};

// Answers with all that it was asked, and how.
crate::scripted!("mirror", |_| {
    Ok(Scripted::new("mirror", |request| {
        let texts: Vec<String> = request.messages.iter().map(crate::message::Msg::text).collect();
        let Sampling { temperature, max_tokens, .. } = &request.sampling;
        ChatResponse::text(format!("{} at {temperature:?}, {max_tokens:?}", texts.join(" ")))
    }))
});

/// Puts the question.
#[agentscope_tuner::workflow(name = "reply")]
async fn reply(
    task: Value,
    model: Model,
    #[prompt("Be plain.")] system: Prompt,
    demos: Demos,
    context: Context,
) -> Result<String> {
    if task["q"] == "fail" {
        return Err(Error::new(ErrorKind::Other, "as the row says"));
    }
    let shown = demos.len();
    let answer = model.ask(format!("{system} {} after {shown}", task["q"])).await?;
    Ok(format!("{}: {answer}", context.task_id()))
}

const SETTINGS: &str = r#"
seed = 7
judge = "elsewhere"
[models.fast]
provider = "scripted"
name = "mirror"
max-output-tokens = 16
[models.keyless]
provider = "dashscope"
name = "not-needed"
api-key-env = "NO_SUCH_VARIABLE_ANYWHERE"
[slots.reply]
system = "Be kind."
[slots.elsewhere]
grader = "keyless"
"#;

/// A run whose outcome says that `winner` is to be used.
fn run(settings: Option<&str>, candidate: Candidate, winner: Option<&str>) -> (tempfile::TempDir, RunDir) {
    let runs = tempfile::tempdir().unwrap();
    let dir = RunDir::create(runs.path(), "select").unwrap();
    let store = Store::open(dir.store()).unwrap();
    if let Some(settings) = settings {
        store.put_meta(CONFIG, settings).unwrap();
        store.put_meta(DIRECTORY, &runs.path().to_string_lossy()).unwrap();
    }
    drop(store);
    let summary = Summary {
        candidate,
        reward: None,
        left: None,
        counts: Counts::default(),
        metrics: Default::default(),
        tokens: (0, 0),
        usd: None,
        latency: None,
    };
    let outcome = Outcome {
        strategy: "select".into(),
        candidates: vec![summary],
        comparisons: Vec::new(),
        winner: winner.map(str::to_owned),
        front: Vec::new(),
        confirmed: None,
        weighing: None,
        confidence: 0.95,
        headline: "no verdict: every reward is 1".into(),
        rows: 0,
        stopped: None,
    };
    dir.write_outcome(&serde_json::to_string(&outcome).unwrap()).unwrap();
    (runs, dir)
}

fn best() -> Candidate {
    let sampling = Sampling { temperature: Some(0.5), ..Sampling::default() };
    let model = SlotValue::Model { name: "fast".into(), sampling, version: None };
    Candidate::new("best").with(SlotPath::new("reply", "model"), model)
}

#[tokio::test]
async fn the_winner_goes_over_the_settings_and_these_over_the_attributes() {
    let (_runs, dir) = run(Some(SETTINGS), best(), Some("best"));
    let tuned = Tuned::<reply>::load(dir.path()).unwrap();
    let answer = tuned.run(json!({"q": 1})).await.unwrap();
    assert_eq!(answer, "request/0: Be kind. 1 after 0 at Some(0.5), Some(16)");
    let prompt = SlotValue::Prompt("Be brief.".into());
    let (_runs, dir) =
        run(Some(SETTINGS), best().with(SlotPath::new("reply", "system"), prompt), Some("best"));
    let tuned = Tuned::<reply>::load(dir.path()).unwrap();
    assert!(tuned.run(json!({"q": 1})).await.unwrap().contains("Be brief. 1"));
    assert_eq!(tuned.candidate().name, "best");
}

#[tokio::test]
async fn an_error_of_the_workflow_is_the_callers() {
    let models = ModelTable::default().with("fast", Model::new(Scripted::new("x", |_| "x")));
    let tuned = Tuned::<reply>::from_candidate(best(), &models).unwrap();
    let error = tuned.run(json!({"q": "fail"})).await.unwrap_err();
    assert_eq!(error.to_string(), "as the row says");
}

#[test]
fn what_cannot_be_loaded_says_what_to_do() {
    let said = |dir: &Path| Tuned::<reply>::load(dir).unwrap_err().chain();
    assert!(said(Path::new("nowhere")).contains("there is no run in nowhere"));
    let (_runs, dir) = run(Some(SETTINGS), best(), None);
    let text = said(dir.path());
    assert!(text.contains("chose no candidate") && text.contains("every reward is 1"), "{text}");
    let (_runs, dir) = run(None, best(), Some("best"));
    assert!(said(dir.path()).contains("keeps no settings"));
    fs::remove_file(dir.path().join("outcome.json")).unwrap();
    assert!(said(dir.path()).contains("resume"));
    let (_runs, dir) = run(Some(SETTINGS), Candidate::new("best"), Some("best"));
    assert!(said(dir.path()).contains("slot `reply.model` holds no model"));
}

#[cfg(feature = "embedded")]
#[test]
fn a_trained_model_is_the_one_that_the_run_chose() {
    let settings = "[models.tiny]\nprovider = \"embedded\"\npath = \"nowhere\"";
    let trained = SlotValue::Model { name: "tiny".into(), sampling: Sampling::default(), version: Some(3) };
    let trained = Candidate::new("best").with(SlotPath::new("reply", "model"), trained);
    let (_runs, dir) = run(Some(settings), trained, Some("best"));
    let fixture =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../agentscope-tuner-policy/tests/fixtures/models/qwen2");
    let best = dir.path().join("best");
    fs::create_dir(&best).unwrap();
    for file in fs::read_dir(fixture).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), best.join(file.file_name())).unwrap();
    }
    assert!(Tuned::<reply>::load(dir.path()).is_ok());
    fs::remove_file(best.join("config.json")).unwrap();
    assert!(Tuned::<reply>::load(dir.path()).unwrap_err().chain().contains("no config.json"));
}

#[test]
fn every_missing_model_is_named() {
    let error = Tuned::<reply>::from_candidate(best(), &ModelTable::default()).unwrap_err();
    assert!(error.to_string().contains("there is no model `fast`"), "{error}");
}

/// As a service would use it: the state of a router.
async fn answer(State(tuned): State<Tuned<reply>>, Json(task): Json<Value>) -> Result<String, String> {
    tuned.run(task).await.map_err(|error| error.chain())
}

#[tokio::test]
async fn a_server_shares_one_among_its_requests() {
    let (_runs, dir) = run(Some(SETTINGS), best(), Some("best"));
    let tuned = Tuned::<reply>::load(dir.path()).unwrap();
    let router = Router::new().route("/", post(answer)).with_state(tuned);
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });

    let client = reqwest::Client::new();
    let asked = (0..20).map(|number| client.post(&url).json(&json!({"q": number})).send());
    let mut requests = Vec::new();
    for (number, response) in futures_util::future::join_all(asked).await.into_iter().enumerate() {
        let text = response.unwrap().text().await.unwrap();
        let (request, rest) = text.split_once(": ").unwrap();
        assert_eq!(rest, format!("Be kind. {number} after 0 at Some(0.5), Some(16)"));
        requests.push(request.to_owned());
    }
    requests.sort();
    requests.dedup();
    assert_eq!(requests.len(), 20, "each request has a context of its own");
}
