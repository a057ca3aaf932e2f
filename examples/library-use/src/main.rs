//! A web service over a tuned workflow: `library-use tune` chooses the model, `library-use serve` answers with it.
//!
//! There is no `main!` and no `tuner.toml`: this program has a command line of its own.

mod models;

use std::path::Path;

use agentscope_tuner::{
    candidate::SlotPath,
    prelude::*,
    rollout::ModelTable,
    strategy::selection::ModelSelection,
    tuner::{RunDir, Tuned, Tuner},
};
use axum::{Json, Router, extract::State, http::StatusCode, routing::post};

const RUNS: &str = "runs";

/// A row of `data/test.jsonl`, and what clients ask.
#[derive(Clone, Deserialize)]
struct Sum {
    question: String,
    /// Clients do not know it.
    #[serde(default)]
    answer: String,
}

/// Answers with a number.
#[workflow]
async fn solve(
    task: Sum,
    model: Model,
    #[prompt("Answer with the number alone.")] system: Prompt,
) -> Result<String> {
    let chat = ChatRequest::new([Msg::system(system), Msg::user(task.question)]);
    Ok(model.chat(&chat).await?.message.text())
}

/// 1 when the number is right.
#[judge]
async fn exact(task: &Sum, response: &str) -> bool {
    response.trim() == task.answer
}

/// Chooses the model, on the rows of `data`.
async fn tune(live: bool) -> Result<()> {
    let tuner = Tuner::new::<solve, exact>().dataset(Dataset::open("data")?.split("test")).runs(RUNS);
    let tuner =
        models::known(live)?.into_iter().fold(tuner, |tuner, (name, model)| tuner.known_model(name, model));
    let slot = SlotPath::new("solve", "model");
    let outcome = tuner.run(ModelSelection::of_models(&slot, models::NAMES)).await?;
    say(&outcome.headline);
    Ok(())
}

/// Answers `POST /solve` with what the newest run chose.
async fn serve(live: bool) -> Result<()> {
    let outcome = RunDir::below(Path::new(RUNS), Path::new("latest"))?.outcome()?;
    let chosen = outcome.as_ref().and_then(|outcome| outcome.chosen());
    let chosen = chosen.ok_or("the newest run chose nothing: see its outcome.json, and run `tune` again")?;
    let models = models::known(live)?.into_iter();
    let models = models.fold(ModelTable::default(), |table, (name, model)| table.with(name, model));
    let tuned = Tuned::<solve>::from_candidate(chosen.clone(), &models)?;
    let router = Router::new().route("/solve", post(answer)).with_state(tuned);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    say(&format!("{} answers at http://{}/solve", chosen.name, listener.local_addr()?));
    Ok(axum::serve(listener, router).await?)
}

async fn answer(
    State(tuned): State<Tuned<solve>>,
    Json(task): Json<Sum>,
) -> Result<String, (StatusCode, String)> {
    tuned.run(task).await.map_err(|error| (StatusCode::BAD_GATEWAY, error.to_string()))
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let live = arguments.iter().any(|argument| argument == "--live");
    match arguments.first().map(String::as_str) {
        Some("tune") => tune(live).await,
        Some("serve") => serve(live).await,
        _ => Err("say `tune` or `serve`, and --live for real endpoints".into()),
    }
}

#[expect(clippy::print_stdout, reason = "what the program is run for")]
fn say(line: &str) {
    println!("{line}");
}
