//! Strategies that look at rollouts and go on from there: elsewhere they come to what they come to here.

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use test_support::{Flaw, Vllm, outcome, the_run};

use crate::{place::Place, scene::said};

/// What is left of a run with these arguments, whose rollouts are made at `place`, or in the program itself.
fn ran<T>(arguments: &[&str], place: Option<&Place>, left: impl FnOnce(&Path) -> T) -> T {
    let runs = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_math-agent"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["--limit", "24"]).args(arguments);
    command.arg("--set").arg(format!("run.directory={}", runs.path().display()));
    if let Some(place) = place {
        place.sends(&mut command);
    }
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    left(&the_run(runs.path()).unwrap())
}

/// Every proposal, its rewards and what became of it are those of one machine; the proposer's calls are made at home in any case.
pub(crate) fn tunes_prompts_as_on_one_machine(place: &Place) {
    let arguments = ["prompt", "--set", "strategy.prompt.rollouts=120"];
    let tune = |place: Option<&Place>| {
        ran(&arguments, place, |run| {
            (outcome(run), fs::read_to_string(run.join("candidates.jsonl")).unwrap())
        })
    };
    let (here, elsewhere) = (tune(None), tune(Some(place)));
    assert!(here.1.lines().count() >= 2, "{}", here.1);
    assert_eq!(elsewhere, here);
}

/// Weights move to the nodes after each step, and tokens with their log-probabilities come back: the run is that of one machine,
/// to the last bit of what was measured.
pub(crate) fn trains_as_on_one_machine(place: &Place) {
    let arguments = ["weights", "--steps", "3", "--set", "strategy.weights.staleness=1"];
    let train = |place: Option<&Place>| ran(&arguments, place, |run| (outcome(run), numbers(run)));
    assert_eq!(train(Some(place)), train(None));
}

/// A server answers in the place of the nodes, and gets each version of the weights from home: the run is that of one machine.
pub(crate) fn trains_where_a_server_samples(place: &Place) {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/medium");
    let server = Vllm::start(&model, Flaw::None);
    let url = format!("models.served.base-url={}", server.base_url());
    let settings = [
        "models.served.provider=vllm",
        "models.served.name=tiny",
        &url,
        "strategy.weights.sampler.model=served",
    ];
    let settings = settings.iter().flat_map(|setting| ["--set", setting]);
    let arguments: Vec<&str> = ["weights", "--steps", "3"].into_iter().chain(settings).collect();
    let train = |place: Option<&Place>| ran(&arguments, place, |run| (outcome(run), numbers(run)));
    let there = train(Some(place));
    assert!(server.take().len() >= 3 * 4, "the server got no new weights");
    assert_eq!(there, train(None));
}

/// The numbers of all steps, without those of the clock.
fn numbers(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &mut lines {
        let of_the_clock = |name: &String| name.starts_with("time/") || name.starts_with("tokens_per_second");
        let object = line.as_object_mut().unwrap();
        let names: Vec<_> = object.keys().filter(|name| of_the_clock(name)).cloned().collect();
        names.iter().for_each(|name| _ = object.remove(name));
    }
    lines
}
