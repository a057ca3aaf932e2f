//! `prompt` of several workflows: one budget, one directory, killed and resumed, and refused where one of them is wrong.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path, process::Command, time::Duration};

use agentscope_tuner::{
    candidate::{SlotPath, SlotValue},
    config::Config,
    prelude::*,
    rollout::Store,
    seed,
    tuner::{RunDir, Tuned},
};
use serde_json::Value;
use tempfile::TempDir;
use test_support::{Endpoint, Kills, outcome, the_run};

const KILLS: u64 = 8;
const BUDGET: usize = 400;
const WORKFLOWS: [&str; 2] = ["add", "subtract"];
/// What the coach may find; each makes slips rarer.
const ADVICE: [&str; 2] = ["Read every number twice.", "Write it down."];

#[test]
fn killed_and_resumed_it_ends_as_if_nothing_had_happened() {
    let place = Place::new();
    let kills = Kills {
        begin: &|runs| place.prompt(&["--workflows", "add,subtract"], runs),
        resume: &|runs, run| place.program(&["resume", run.to_str().unwrap()], runs),
        times: KILLS,
        seed: 4,
    };
    let resumed = kills.compare(
        |run| {
            let calls = place.endpoint.take().len();
            within_the_budget(&place, run, calls);
            (left(run), calls)
        },
        |killed| {
            place.endpoint.settled();
            place.committed(&killed.run)
        },
        |(expected, calls), committed, killed| {
            let after = place.endpoint.take();
            assert!(!after.iter().any(|request| committed.contains(request)), "paid twice");
            assert_eq!(after.len() + committed.len(), *calls, "killed at {:.2}", killed.share);
            assert_eq!(left(&killed.run), *expected, "killed at {:.2}", killed.share);
        },
    );
    assert!(resumed >= KILLS / 2, "only {resumed} kills hit a run");
}

#[test]
fn what_it_left_is_a_run_for_each_workflow() {
    let place = Place::new();
    let runs = place.dir.path().join("runs");
    let output = place.prompt(&["--workflows", "add,subtract"], &runs).output().unwrap();
    let said = text(&output.stdout);
    for part in ["workflow", "add: p", "subtract: p", "a directory for each workflow"] {
        assert!(said.contains(part), "`{part}` is missing:\n{said}");
    }
    let run = the_run(&runs).unwrap();
    let shown = run.to_str().unwrap();
    let report = place.program(&["report", shown], &runs).output().unwrap();
    assert!(WORKFLOWS.iter().all(|name| text(&report.stdout).contains(&format!("{name}/report.html"))));
    let winner =
        |name: &str| fs::read_to_string(run.join(name).join(format!("best/{name}.system.txt"))).unwrap();

    // Production finds its own.
    let tuned = Tuned::<subtract>::load(&run).unwrap();
    let system = &tuned.candidate().slots[&SlotPath::new("subtract", "system")];
    assert_eq!(system, &SlotValue::Prompt(winner("subtract")));

    // Each goes on from its own winner, alone or together.
    let later = place.dir.path().join("later");
    let again = place.prompt(&["--workflow", "subtract", "--from", shown, "--rounds", "1"], &later).output();
    assert!(again.unwrap().status.success());
    let began = fs::read_to_string(the_run(&later).unwrap().join("candidates.jsonl")).unwrap();
    let first: Value = serde_json::from_str(began.lines().next().unwrap()).unwrap();
    let text = first["changed"]["subtract.system"]["prompt"].as_str().unwrap();
    assert!(text.starts_with(&winner("subtract")), "{first}");
}

#[test]
fn what_is_wrong_with_one_is_told_before_anything_is_paid() {
    let place = Place::new();
    let runs = place.dir.path().join("runs");
    for (workflows, words) in [
        ("add,repeat", ["workflow repeat", "Prompt"]),
        ("add,sbutract", ["sbutract", "did you mean `subtract`"]),
        ("add,add", ["`add` is named twice", "once"]),
    ] {
        let output = place.prompt(&["--workflows", workflows], &runs).output().unwrap();
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
    assert!(place.endpoint.take().is_empty());
    assert!(!runs.exists());
}

#[test]
fn check_goes_through_all_of_them() {
    let place = Place::new();
    let listed =
        ["--set", "strategy.prompt.workflows=['add', 'subtract']", "--set", "budget.calls=50", "check"];
    let output = place.program(&listed, place.dir.path()).output().unwrap();
    let said = text(&output.stdout);
    for part in ["workflow add, judge exact", "workflow subtract, judge lenient", "together at most 50 calls"]
    {
        assert!(said.contains(part), "`{part}` is missing:\n{said}{}", text(&output.stderr));
    }
}

/// What production has of the program's workflow.
#[workflow]
async fn subtract(question: String, model: Model, system: Prompt) -> Result<String> {
    model.ask(format!("{system}\n{question}")).await
}

/// A configuration with its rows, and the endpoint that it names.
struct Place {
    dir: TempDir,
    endpoint: Endpoint,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let endpoint = Endpoint::start(Duration::from_millis(15), in_short, answer);
        for (file, sign) in [("add", '+'), ("subtract", '-')] {
            for (split, first) in [("train", 0), ("test", 40)] {
                fs::write(dir.path().join(format!("{file}-{split}.jsonl")), rows(sign, first, first + 40))
                    .unwrap();
            }
        }
        fs::write(dir.path().join("tuner.toml"), settings(endpoint.base_url())).unwrap();
        Self { dir, endpoint }
    }

    fn program(&self, arguments: &[&str], runs: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_several"));
        command.current_dir(self.dir.path()).env("NO_COLOR", "1").args(arguments);
        command.arg("--set").arg(format!("run.directory={}", runs.display()));
        command
    }

    fn prompt(&self, arguments: &[&str], runs: &Path) -> Command {
        let mut command = self.program(&["prompt"], runs);
        command.args(arguments).arg("--set").arg(format!("budget.calls={BUDGET}"));
        command
    }

    /// What the stores of all parts hold an answer to.
    fn committed(&self, run: &Path) -> BTreeSet<String> {
        let parts = WORKFLOWS.map(|name| run.join(name));
        let begun = parts.iter().filter(|part| part.join("run.sqlite").exists());
        begun.flat_map(|part| self.endpoint.committed(part)).collect()
    }
}

fn rows(sign: char, from: i64, to: i64) -> String {
    let mut rows = String::new();
    for row in from..to {
        let (a, b) = (30 + row, 1 + row % 29);
        let answer = if sign == '+' { a + b } else { a - b };
        writeln!(rows, r#"{{"question":"{a} {sign} {b}","answer":"{answer}"}}"#).unwrap();
    }
    rows
}

fn settings(base_url: &str) -> String {
    let model = |name: &str| {
        format!("[models.{name}]\nprovider = \"openai\"\nname = \"{name}\"\nbase-url = \"{base_url}\"\n")
    };
    format!(
        "seed = 3\nrun.concurrency = 8\n{}{}[slots]\nadd.model = \"pupil\"\nsubtract.model = \"pupil\"\n\
         [strategy.prompt]\nproposer = \"coach\"\n\
         [per-workflow.add]\njudge = \"exact\"\n\
         dataset = {{ train.path = \"add-train.jsonl\", eval.path = \"add-test.jsonl\" }}\n\
         [per-workflow.subtract]\njudge = \"lenient\"\n\
         dataset = {{ train.path = \"subtract-train.jsonl\", eval.path = \"subtract-test.jsonl\" }}\n\
         [per-workflow.repeat]\njudge = \"exact\"\n\
         dataset = {{ train.path = \"add-train.jsonl\", eval.path = \"add-test.jsonl\" }}\n",
        model("pupil"),
        model("coach"),
    )
}

/// What a run leaves: of each part its outcome, every candidate and the prompt.
fn left(run: &Path) -> Vec<[String; 3]> {
    let part = |name: &str| {
        let part = run.join(name);
        let read = |file: &str| fs::read_to_string(part.join(file)).unwrap();
        [outcome(&part).to_string(), read("candidates.jsonl"), read(&format!("best/{name}.system.txt"))]
    };
    WORKFLOWS.map(part).to_vec()
}

fn within_the_budget(place: &Place, run: &Path, calls: usize) {
    let dir = RunDir::at(run).unwrap();
    assert_eq!(dir.parts().len(), 2);
    let [one, other] = WORKFLOWS.map(|name| place.endpoint.committed(&run.join(name)).len());
    assert_eq!(one + other, calls);
    assert!(calls <= BUDGET && one < BUDGET / 2, "{one} and {other}");
    // The second may spend all that the first left.
    let second = Store::view(dir.part("subtract").unwrap().store()).unwrap();
    let settings = second.meta("config").unwrap().unwrap();
    let settings = Config::parse(&settings, "part", "".into(), None, &[]).unwrap();
    assert_eq!(settings.file.budget.calls, Some((BUDGET - one) as u64));
}

/// The model, and all that was said.
fn in_short(model: &str, messages: &[Value]) -> String {
    let texts = messages.iter().map(|message| message["content"].as_str().unwrap());
    [model].into_iter().chain(texts).collect::<Vec<_>>().join("\n")
}

/// A pupil that heeds advice, and a coach that gives some.
fn answer(asked: &str) -> String {
    if asked.starts_with("coach") {
        let prompt = asked.split("```").nth(1).unwrap_or_default().trim();
        let advice = ADVICE[(seed::draw(2, "advice", [asked.as_bytes()]) % 2) as usize];
        return format!("I suggest:\n```\n{prompt}\n{advice}\n```");
    }
    let skill = 0.3 + ADVICE.iter().filter(|advice| asked.contains(*advice)).count() as f64 * 0.3;
    let right = seed::unit(1, "right", [asked.as_bytes()]) < skill;
    match solved(asked.lines().last().unwrap_or_default()) {
        Some(result) if right => result.to_string(),
        _ => "I do not know".to_owned(),
    }
}

/// `31 + 4` or `31 - 4`.
fn solved(question: &str) -> Option<i64> {
    let words: Vec<_> = question.split(' ').collect();
    let [a, sign, b] = words[..] else { return None };
    let (a, b): (i64, i64) = (a.parse().ok()?, b.parse().ok()?);
    Some(if sign == "+" { a + b } else { a - b })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
