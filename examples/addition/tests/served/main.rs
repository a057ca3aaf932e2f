//! A server samples what training learns from: it gets each version of the weights, and is not trusted before it has answered
//! with them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod tools;
mod vllm;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use agentscope_tuner::{
    candidate::SlotPath,
    model::{ChatEvent, ChatModel as _, ModelSpec, embedded::Embedded, served::Served},
    policy::{adapter::LoraConfig, engine::EngineSettings, loss::Importance, optimizer::Schedule},
    prelude::*,
    rollout::Store,
    strategy::weights::{Objective, Sampler, Truncated, WeightsTuning},
    tuner::Tuner,
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use test_support::{Flaw, Kills, Vllm, outcome};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("model")
}

#[derive(Clone, serde::Deserialize)]
struct Sum {
    question: String,
}

#[workflow]
async fn asks(task: Sum, model: Model) -> Result<String> {
    model.ask(task.question).await
}

/// The share of the letters that are digits: something that a model without knowledge can learn.
#[judge]
async fn digits(_task: &Sum, response: &str) -> f64 {
    f64::from(u32::try_from(response.chars().filter(char::is_ascii_digit).count()).unwrap()) / 4.0
}

fn rows(first: u32) -> Dataset {
    Dataset::from_rows((first..first + 8).map(|a| json!({ "question": format!("{a}+{}=", a + 1) })))
}

fn served(base_url: &str, policy: &Embedded) -> Served {
    let spec = ModelSpec { base_url: Some(base_url.into()), ..ModelSpec::new("vllm", "tiny") };
    Served::from_spec(&spec, policy.clone(), &|_| None).unwrap()
}

#[tokio::test]
async fn tokens_are_those_that_the_server_names_however_it_sends_them() {
    let policy = Embedded::open("tiny", directory(), &EngineSettings::default()).unwrap();
    let model = served(Vllm::start(&directory(), Flaw::None).base_url(), &policy);
    let mut request = ChatRequest::new([Msg::user("12+34=")]).max_tokens(6);
    request.sampling.seed = Some(7);
    let ours = policy.chat(&request).await.unwrap();
    let mut answers = vec![model.chat(&request).await.unwrap()];
    let events: Vec<_> = model.stream(&request).await.unwrap().collect().await;
    let Some(Ok(ChatEvent::Done(streamed))) = events.into_iter().last() else {
        panic!("it ends with the answer")
    };
    answers.push(*streamed);
    for answer in answers {
        assert_eq!((&answer.tokens, &answer.message), (&ours.tokens, &ours.message));
        // Nobody asked for them.
        assert_eq!(answer.logprobs, None);
    }
}

/// Rewards of the steps, and the largest difference between sampler and trainer in each, where a server samples what the model in
/// `directory` learns.
async fn train(base_url: &str, directory: &Path, lora: Option<LoraConfig>, rate: f64) -> [Vec<f64>; 2] {
    let runs = tempfile::tempdir().unwrap();
    let policy = Embedded::open("tiny", directory, &EngineSettings::default()).unwrap();
    let mut strategy = WeightsTuning {
        steps: 6,
        batch_size: 4,
        max_tokens: Some(4),
        truncated: Truncated::Keep,
        schedule: Schedule::constant(rate),
        eval_interval: 3,
        lora,
        sampler: Some(Sampler::new("served", served(base_url, &policy))),
        ..WeightsTuning::new(SlotPath::new("asks", "model"), "model", policy.clone())
    };
    let Objective::Policy(settings) = &mut strategy.objective else {
        panic!("the default is a policy gradient")
    };
    settings.importance = Importance::TokenTruncate { max: 2.0 };
    let tuner = Tuner::new::<asks, digits>().train(rows(10)).dataset(rows(50)).model("model", policy);
    tuner.runs(runs.path()).run(strategy).await.unwrap();
    let metrics = Store::view(runs.path().join("latest/run.sqlite")).unwrap().metrics().unwrap();
    ["reward", "sampling/sampling_logp_difference/max"].map(|wanted| {
        let all = metrics.values().flatten().filter(|(name, _)| *name == wanted);
        all.map(|(_, value)| *value).collect()
    })
}

fn adapters() -> LoraConfig {
    LoraConfig { rank: 8, ..LoraConfig::default() }
}

/// It learns, and every step learns from what its own weights sampled: those of the step before would be further off.
fn check_learnt([rewards, gaps]: &[Vec<f64>; 2]) {
    assert!(rewards.len() == 6 && rewards[5] > rewards[0] + 0.4, "{rewards:?}");
    assert!(gaps.len() >= 4 && gaps.iter().all(|gap| *gap < 1e-3), "{gaps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_weights_are_learnt_from_what_a_server_samples() {
    let server = Vllm::start(&directory(), Flaw::None);
    check_learnt(&train(server.base_url(), &directory(), None, 3e-3).await);
    let told = server.take();
    assert!(told.chunks(3).all(|one| one == ["pause", "reload", "resume"]), "{told:?}");
    // The model that training began with, each step, and the best checkpoint.
    assert!(told.len() >= 3 * 7, "{}", told.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn adapters_are_learnt_from_what_a_server_samples() {
    let server = Vllm::start(&directory(), Flaw::None);
    check_learnt(&train(server.base_url(), &directory(), Some(adapters()), 1e-2).await);
    let told = server.take();
    let loaded = told.iter().filter(|what| *what == "load").count();
    assert!(loaded >= 6 && loaded == told.len() - loaded, "{told:?}");
    assert_eq!(server.adapters(), Vec::<String>::new());
}

/// The program with settings for a short training.
fn alone(runs: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_addition"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("NO_COLOR", "1").env_remove("VLLM_API_KEY");
    let directory = format!("run.directory={}", runs.display());
    let common = [
        directory.as_str(),
        "dataset.eval.limit=8",
        "strategy.weights.steps=6",
        "strategy.weights.batch-size=4",
        "strategy.weights.group-size=4",
        "strategy.weights.eval-interval=3",
        "strategy.weights.save-interval=2",
        "strategy.weights.learning-rate=3e-3",
        "strategy.weights.warm-start.steps=2",
        // Short answers are better than long ones: a model without knowledge can learn that.
        "strategy.weights.truncated=keep",
        "strategy.weights.overlong.limit=4",
        "strategy.weights.overlong.cache=4",
    ];
    set(&mut command, common);
    command
}

/// The same, sampled by a server.
fn program(runs: &Path, base_url: &str, settings: &[&str]) -> Command {
    let mut command = alone(runs);
    sampled_by(&mut command, base_url);
    set(&mut command, settings.iter().copied());
    command
}

fn sampled_by(command: &mut Command, base_url: &str) {
    let url = format!("models.served.base-url={base_url}");
    let served =
        ["models.served.provider=vllm", "models.served.name=tiny", "strategy.weights.sampler.model=served"];
    set(command, served.into_iter().chain([url.as_str()]));
}

fn set<'a>(command: &mut Command, settings: impl IntoIterator<Item = &'a str>) {
    settings.into_iter().for_each(|setting| _ = command.args(["--set", setting]));
}

#[test]
fn a_training_that_is_killed_goes_on_with_the_newest_weights_at_the_server() {
    for settings in [&["strategy.weights.lora.rank=4"][..], &["strategy.weights.staleness=1"]] {
        let server = Vllm::start(&directory(), Flaw::None);
        let kills = Kills {
            begin: &|runs| {
                let mut command = program(runs, server.base_url(), settings);
                command.arg("weights");
                command
            },
            resume: &|runs, run| {
                let mut command = program(runs, server.base_url(), settings);
                command.arg("resume").arg(run);
                command
            },
            times: 3,
            seed: 3,
        };
        let resumed = kills.compare(
            result,
            |_| (),
            |expected, (), killed| {
                assert_eq!(result(&killed.run), *expected, "killed at {:.2}", killed.share);
            },
        );
        assert!(resumed >= 1, "no kill hit a run");
        assert_eq!(server.adapters(), Vec::<String>::new(), "{settings:?}");
    }
}

/// The outcome, and the weights in the end.
fn result(run: &Path) -> (Value, Vec<u8>) {
    (outcome(run), fs::read(run.join("checkpoints/step-000008/model.safetensors")).unwrap())
}

/// What `weights` says at a server with this flaw.
fn refusal(flaw: Flaw, served: &Path, settings: &[&str]) -> String {
    let (runs, server) = (tempfile::tempdir().unwrap(), Vllm::start(served, flaw));
    let output = program(runs.path(), server.base_url(), settings).arg("weights").output().unwrap();
    assert!(!output.status.success(), "{flaw:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_server_that_cannot_sample_for_training_is_refused_with_the_remedy() {
    let cases = [
        (Flaw::NoTokenIds, "return_token_ids"),
        (Flaw::NoLogprobs, "has no log-probabilities"),
        (Flaw::OtherVocabulary, "but the model in `model` has 36: serve that directory"),
        (Flaw::OtherTemplate, "no other --chat-template or --tokenizer"),
        (Flaw::Fixed, "VLLM_SERVER_DEV_MODE=1"),
    ];
    for (flaw, expected) in cases {
        let said = refusal(flaw, &directory(), &[]);
        assert!(said.contains(expected), "{flaw:?}: {said}");
    }
    let said = refusal(Flaw::Fixed, &directory(), &["strategy.weights.lora.rank=4"]);
    assert!(said.contains("VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"), "{said}");
}

#[test]
fn a_server_with_other_weights_is_refused() {
    // A model that has learnt, which adapters of the untrained one do not fit.
    let (runs, server) = (tempfile::tempdir().unwrap(), Vllm::start(&directory(), Flaw::None));
    let long = "strategy.weights.warm-start.steps=40";
    let output = program(runs.path(), server.base_url(), &[long]).arg("weights").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let learnt = test_support::the_run(runs.path()).unwrap().join("best");
    let cases = [
        (Flaw::None, learnt, "strategy.weights.lora.rank=4"),
        // It is asked for what the warm start has learnt.
        (Flaw::Forgetful, directory(), long),
    ];
    for (flaw, served, setting) in cases {
        let said = refusal(flaw, &served, &[setting]);
        assert!(said.contains("--logprobs-mode processed_logprobs"), "{flaw:?}: {said}");
        assert!(said.contains("it serves another checkpoint than `model`"), "{flaw:?}: {said}");
    }
}

#[test]
fn a_server_that_is_started_again_ends_the_run() {
    let said = refusal(Flaw::Restarted, &directory(), &["strategy.weights.lora.rank=4"]);
    assert!(said.contains("does not know the adapter `tuner-") && said.contains("`resume`"), "{said}");
    let said = refusal(Flaw::Restarted, &directory(), &["strategy.weights.warm-start.steps=40"]);
    assert!(said.contains("the server answers with other weights than it was given"), "{said}");
}

#[test]
fn prompts_that_the_server_reads_otherwise_are_worth_a_word() {
    let (runs, server) = (tempfile::tempdir().unwrap(), Vllm::start(&directory(), Flaw::OtherArguments));
    let output = program(runs.path(), server.base_url(), &[]).arg("weights").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("prompts were read by the server as other tokens"), "{said}");
}

#[test]
fn settings_of_a_sampler_that_cannot_work_are_refused() {
    let server = Vllm::start(&directory(), Flaw::None);
    let cases = [
        (
            &["strategy.weights.sampler.model=nobody"][..],
            "there is no such model: add a [models.nobody] table",
        ),
        (&["models.served.provider=anthropic"], "do not return exact tokens"),
        (&["strategy.weights.sampler.difference-limit=0.0"], "difference-limit must be above 0"),
        (&["models.served.base-url=http://127.0.0.1:9/v1"], "is the server running"),
        (&["budget.usd=1"], "price"),
    ];
    for (settings, expected) in cases {
        let runs = tempfile::tempdir().unwrap();
        let output = program(runs.path(), server.base_url(), settings).arg("weights").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(expected), "{settings:?}: {said}");
    }
}
