//! Settings that cannot work are refused before anything is run, with the remedy; a training that learns nothing ends and
//! says why.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;

/// Exit code and standard error of `weights` with these settings.
fn weights(settings: &[&str]) -> (i32, String) {
    let runs = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_addition"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("NO_COLOR", "1").arg("weights");
    settings.iter().for_each(|setting| _ = command.args(["--set", setting]));
    command.arg("--set").arg(format!("run.directory={}", runs.path().display()));
    let output = command.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let cases = [
        (&["strategy.weights.group-size=1"][..], "group-size must be 2 or more"),
        (&["strategy.weights.learning-rate=0.0"], "learning_rate must be positive"),
        (&["strategy.weights.learning-rate=-0.1"], "learning_rate must be positive"),
        (&["strategy.weights.algorithm=ppo"], "no algorithm `ppo`; choose one of dapo"),
        (&["strategy.weights.temperature=0.0"], "greedy rollouts are all the same"),
        (&["strategy.weights.algorithm=dr_grpo", "strategy.weights.lora.rank=0"], "rank of an adapter"),
        (&["strategy.weights.truncated=cut"], "must be one of mask, keep, drop"),
        (&["strategy.weights.device=tpu"], "expected `cpu` or `cuda`"),
        (&["strategy.weights.device=cuda"], "build with `--features cuda`"),
        (&["strategy.weights.precision=bf16"], "the CPU computes in f32"),
        (&["models.tiny.device=cuda"], "build with `--features cuda`"),
        (&["models.tiny.precision=tf32"], "the CPU computes in f32"),
        (&["strategy.weights.slot=nobody"], "there is no model slot `nobody`"),
        (&["strategy.weights.warm-start.path=nowhere.jsonl"], "nowhere.jsonl"),
        (&["strategy.weights.warm-start.path=data/train.jsonl"], "no column `messages`"),
        (&["strategy.weights.learning_rate=0.1"], "`strategy.weights.learning_rate` is unknown"),
        (&["dataset.eval.limit=3"], "3 rows, but a gain is measured on 4"),
        (&["dataset.eval.split=train"], "learnt by heart"),
        (
            &[
                "models.far.provider=openai",
                "models.far.name=m",
                "models.far.base-url=http://127.0.0.1:9/v1",
                "slots.mental.model=far",
            ],
            "whose weights are out of reach: fill it with an embedded model (configured: `tiny`)",
        ),
        (&["models.tiny.path=data"], "has no config.json"),
    ];
    for (settings, expected) in cases {
        let (code, stderr) = weights(settings);
        assert!(stderr.contains(expected) && code != 0, "{settings:?}: {code} {stderr}");
    }
}

#[test]
fn rewards_that_are_all_equal_end_the_run_with_the_cause() {
    // Without a warm start the model never finds an answer.
    let (code, stderr) = weights(&[
        "dataset.eval.limit=4",
        "strategy.weights.warm-start.steps=1",
        "strategy.weights.batch-size=2",
        "strategy.weights.group-size=2",
        "strategy.weights.save-interval=5",
        "strategy.weights.truncated=keep",
    ]);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("all rollouts of each row had equal rewards") && stderr.contains("warm-start it"),
        "{stderr}"
    );
}
