//! Rollouts that a server of vLLM samples teach what the program's own do; a server that cannot be trained with is refused.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;
use test_support::{Flaw, Kills, Vllm, outcome};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/model");
/// Adapters on a model that can do a little: on one that never succeeds there would be nothing to learn.
fn adapters(base: &Path) -> Vec<String> {
    vec![
        format!("models.tiny.path={}", base.display()),
        "strategy.weights.lora.rank=8".into(),
        "strategy.weights.warm-start.steps=2".into(),
    ]
}

/// A model that learnt from examples for a while.
fn warmed() -> TempDir {
    let (directory, runs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let settings =
        ["strategy.weights.warm-start.steps=250", "strategy.weights.steps=0"].map(ToString::to_string);
    assert!(weights(runs.path(), &settings).output().unwrap().status.success());
    copy(&test_support::the_run(runs.path()).unwrap().join("best"), directory.path());
    directory
}

fn copy(from: &Path, to: &Path) {
    for path in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// A directory for a server to begin with.
fn copy_of_model() -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    self::copy(Path::new(MODEL), copy.path());
    copy
}

fn program(runs: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_addition"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("NO_COLOR", "1");
    command.arg("--set").arg(format!("run.directory={}", runs.display()));
    command
}

/// A short training with these settings.
fn weights(runs: &Path, settings: &[String]) -> Command {
    let mut command = program(runs);
    command.arg("weights");
    let common = [
        "dataset.eval.limit=16",
        "strategy.weights.steps=6",
        "strategy.weights.batch-size=4",
        "strategy.weights.group-size=6",
        "strategy.weights.eval-interval=3",
        "strategy.weights.save-interval=2",
        "strategy.weights.learning-rate=1e-3",
        "strategy.weights.warm-start.steps=120",
    ];
    let common = common.iter().map(ToString::to_string);
    common.chain(settings.iter().cloned()).for_each(|setting| _ = command.args(["--set", &setting]));
    command
}

fn settings(server: &Vllm, more: &[String]) -> Vec<String> {
    [server.settings(), more.to_vec()].concat()
}

fn whole(directory: &TempDir) -> String {
    format!("strategy.weights.sampler.directory={}", directory.path().display())
}

/// The numbers of each step of reinforcement, by this name.
fn numbers(run: &Path, name: &str) -> Vec<f64> {
    let lines = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let steps = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    steps.filter_map(|step| step[name].as_f64()).collect()
}

/// Trains, and looks at the run.
fn trained(settings: &[String], look: impl FnOnce(&Path)) {
    let runs = tempfile::tempdir().unwrap();
    let output = weights(runs.path(), settings).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    look(&test_support::the_run(runs.path()).unwrap());
}

fn agrees(run: &Path) {
    let gap = numbers(run, "sampling/sampling_logp_difference/max");
    assert!(!gap.is_empty() && gap.iter().all(|gap| *gap < 1e-3), "{gap:?}");
    // The correction is at work, and has nothing to correct.
    let ratio = numbers(run, "sampling/importance_sampling_ratio/mean");
    assert!(ratio.iter().all(|ratio| (ratio - 1.0).abs() < 1e-3), "{ratio:?}");
}

#[test]
fn a_server_samples_by_the_whole_model_that_is_trained() {
    let directory = copy_of_model();
    let server = Vllm::start(directory.path(), Flaw::None);
    trained(&settings(&server, &[whole(&directory)]), |run| {
        agrees(run);
        assert_eq!(server.asked(), ["policy"]);
        let [ours, theirs] = [run.join("best"), directory.path().into()]
            .map(|place| fs::read(place.join("model.safetensors")).unwrap());
        assert!(ours == theirs, "the server was left with other weights than the best");
    });
}

#[test]
fn a_server_samples_by_a_new_adapter_after_each_step() {
    let base = warmed();
    let server = Vllm::start(base.path(), Flaw::None);
    trained(&settings(&server, &adapters(base.path())), |run| {
        agrees(run);
        let name = run.file_name().unwrap().to_string_lossy();
        let asked = server.asked();
        assert_eq!(asked[0], "policy");
        let versions: Vec<&str> =
            asked[1..].iter().map(|asked| asked.strip_prefix(&format!("{name}-step-")).unwrap()).collect();
        assert_eq!(versions[..7], ["2", "3", "4", "5", "6", "7", "8"], "{versions:?}");
        assert!(server.adapters().is_empty(), "{:?}", server.adapters());
        assert_eq!(fs::read_dir(run.join("sampler")).unwrap().count(), 0);
    });
}

#[test]
fn a_killed_training_hands_its_weights_over_again() {
    let base = warmed();
    let server = Vllm::start(base.path(), Flaw::None);
    let settings = settings(&server, &adapters(base.path()));
    let kills = Kills {
        begin: &|runs| weights(runs, &settings),
        resume: &|runs, run| {
            let mut command = program(runs);
            command.arg("resume").arg(run);
            command
        },
        times: 4,
        seed: 3,
    };
    // All but the names of the adapters, which hold that of the run.
    let result = |run: &Path| {
        let rewards: Vec<Value> =
            outcome(run)["candidates"].as_array().unwrap().iter().map(|one| one["reward"].clone()).collect();
        (rewards, fs::read(run.join("best/adapter/adapter_model.safetensors")).unwrap())
    };
    let resumed = kills.compare(
        |run| result(run),
        |_| (),
        |expected, (), killed| {
            let (rewards, adapter) = result(&killed.run);
            assert_eq!(rewards, expected.0, "killed at {:.2}", killed.share);
            assert!(adapter == expected.1, "killed at {:.2}: other adapters", killed.share);
        },
    );
    assert!(resumed >= 2, "only {resumed} kills hit a run");
    assert!(server.adapters().iter().all(|name| name.contains("-weights")), "{:?}", server.adapters());
}

/// What a training with this server says when it fails.
fn refusal(base: &Path, flaw: Flaw, by_adapters: bool) -> String {
    let directory = tempfile::tempdir().unwrap();
    copy(base, directory.path());
    let server = Vllm::start(directory.path(), flaw);
    let mut more = adapters(base);
    match by_adapters {
        true => more.push("strategy.weights.learning-rate=0.1".into()),
        false => {
            more.remove(1);
            more.push(whole(&directory));
        }
    }
    let runs = tempfile::tempdir().unwrap();
    let output = weights(runs.path(), &settings(&server, &more)).output().unwrap();
    assert!(!output.status.success(), "{flaw:?}, {by_adapters}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn servers_that_cannot_be_trained_with_are_refused_with_the_remedy() {
    let base = warmed();
    let cases = [
        (Flaw::WithoutTokens, false, "a vLLM server that knows `return_token_ids`"),
        (Flaw::Fixed, false, "VLLM_SERVER_DEV_MODE=1"),
        (Flaw::Fixed, true, "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"),
        (Flaw::Deaf, false, "it does not serve the weights that it was given"),
        (Flaw::Deaf, true, "it does not serve the weights that it was given"),
    ];
    for (flaw, by_adapters, expected) in cases {
        let said = refusal(base.path(), flaw, by_adapters);
        assert!(said.contains(expected), "{flaw:?}, {by_adapters}: {said}");
    }
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let server = Vllm::start(Path::new(MODEL), Flaw::None);
    let cases = [
        (vec![], "sampler.directory is missing"),
        (vec!["strategy.weights.sampler.model=nobody".to_owned()], "the sampler `nobody` is no model"),
        (
            vec!["strategy.weights.lora.rank=8".to_owned(), "models.served.provider=anthropic".into()],
            "provider is `anthropic`, but must be `vllm`",
        ),
    ];
    for (more, expected) in cases {
        let runs = tempfile::tempdir().unwrap();
        let output = weights(runs.path(), &settings(&server, &more)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(expected), "{expected}: {said}");
    }
}
