//! One prompt tuning in the simulated world of `peers/prompt_world.py`: `peers/prompt_bench.py` starts it, beside its peers.
//!
//! Reads one line of JSON from standard input and writes one to standard output.

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::{io::Read as _, path::PathBuf, sync::OnceLock};

use agentscope_tuner::{
    dataset::Dataset,
    model::openai,
    prelude::*,
    rollout::{Allowance, Options},
    strategy::PromptTuning,
    tuner::Tuner,
};
use serde_json::{Value, json};

static WORLD: OnceLock<World> = OnceLock::new();

/// What the bench asks for.
#[derive(Deserialize)]
struct World {
    /// Address of the world.
    address: String,
    run: String,
    family: String,
    seed: u64,
    /// Calls, the proposer's included.
    budget: u64,
    train: Vec<Value>,
    eval: Vec<Value>,
    directory: PathBuf,
}

fn world() -> Result<&'static World> {
    WORLD.get().ok_or_else(|| "the bench has not begun".into())
}

fn question(task: &Value) -> &str {
    task["question"].as_str().unwrap_or_default()
}

/// Asks once, under the prompt, which the reply is named after: the judge's noise depends on it.
async fn ask(model: &Model, system: &str, text: &str) -> Result<Msg> {
    let request = ChatRequest::new([Msg::system(system), Msg::user(text)]);
    Ok(model.chat(&request).await?.message.named(system))
}

/// Codes an order.
#[agentscope_tuner::workflow]
async fn code(
    task: Value,
    model: Model,
    #[prompt("Give the code of the order.")] system: Prompt,
) -> Result<Msg> {
    ask(&model, &system, question(&task)).await
}

/// Sorts an order into a bin, then gives the code of the bin.
#[agentscope_tuner::workflow]
async fn route(
    task: Value,
    model: Model,
    #[prompt("Sort the order into a bin.")] sorter: Prompt,
    #[prompt("Give the code of the bin.")] coder: Prompt,
) -> Result<Msg> {
    let bin = ask(&model, &sorter, question(&task)).await?.text();
    let code = ask(&model, &coder, &bin).await?.text();
    Ok(Msg::assistant(format!("{bin} {code}")).named(format!("{sorter}{coder}")))
}

/// As the world judges.
#[agentscope_tuner::judge]
async fn judge(task: &Value, response: &Msg, context: Context) -> Result<Reward> {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    let World { address, family, seed, .. } = world()?;
    let salt = format!("{}{}", response.name.as_deref().unwrap_or_default(), context.attempt());
    let asked = json!({"family": family, "seed": seed, "question": question(task), "response": response.text(), "salt": salt});
    let client = CLIENT.get_or_init(reqwest::Client::new);
    let sent = client.post(format!("{address}/judge")).json(&asked).send().await;
    let judged: Value = sent.map_err(Error::other)?.json().await.map_err(Error::other)?;
    let reward = Reward::new(judged["score"].as_f64().unwrap_or_default());
    Ok(reward.feedback(judged["feedback"].as_str().unwrap_or_default()))
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    // `cargo bench` and `cargo test` start every bench: without a world there is nothing to do.
    if text.trim().is_empty() {
        return Ok(());
    }
    let world = WORLD.get_or_init(|| serde_json::from_str(&text).expect("a world as JSON"));
    let World { address, run, family, seed, budget, .. } = world;
    let base = format!("{address}/{run}/{budget}/v1");
    let model = |role: &str| openai(format!("{role}@{family}@{seed}")).base_url(&base).api_key("none");
    let tuner = if family == "two" { Tuner::new::<route, judge>() } else { Tuner::new::<code, judge>() };
    let options = Options {
        seed: *seed,
        concurrency: 16,
        budget: Allowance { calls: Some(*budget), ..Allowance::default() },
        ..Options::default()
    };
    let outcome = tuner
        .dataset(Dataset::from_rows(world.eval.clone()))
        .train(Dataset::from_rows(world.train.clone()))
        .model("model", model("task"))
        .known_model("proposer", model("proposer"))
        .options(options)
        .runs(&world.directory)
        .run(PromptTuning {
            proposer: Some("proposer".into()),
            rollouts: Some(100_000),
            ..PromptTuning::default()
        })
        .await?;
    let winner = outcome.candidates.iter().find(|one| Some(&one.candidate.name) == outcome.winner.as_ref());
    let slots = winner.map(|winner| &winner.candidate.slots);
    println!("{}", json!({"winner": outcome.winner, "headline": outcome.headline, "slots": slots}));
    Ok(())
}
