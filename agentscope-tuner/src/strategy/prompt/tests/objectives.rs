//! What counts besides the reward: worlds in which candidates have the same reward and differ in something else.

use std::sync::Mutex;

use super::*;
use crate as agentscope_tuner;
use crate::{
    candidate::{SlotPath, SlotValue},
    judge::{Judge, Reward},
    message::Msg,
    seed,
};

/// Half of what it says is needless.
const WORDY: &str = "Give the code of the order.\nTake all the time that you need for it, and then some more.\n\
Please be so kind as to read each word of the order before you answer.\nWe are all very grateful for your help with this.";

/// 1 where the code is in the answer; counts the words of right answers alone.
#[agentscope_tuner::judge]
async fn terse(task: &Value, response: &str) -> Reward {
    let right = response.ends_with(task["code"].as_str().unwrap_or_default());
    let reward = Reward::from(right);
    if right { reward.metric("words", response.split_whitespace().count() as f64) } else { reward }
}

/// Right on two rows of three whatever it is told, and brief when it is told so.
fn talker() -> Model {
    Model::new(Scripted::new("coder", |request: &ChatRequest| {
        let order = request.messages.last().map(Msg::text).unwrap_or_default();
        let kind = order.split_whitespace().last().unwrap_or_default().replace("kind", "C");
        let right = seed::unit(1, "right", [order.as_bytes()]) < 0.67;
        let code = if right { kind } else { "?".to_owned() };
        let brief = request.messages[0].text().contains("Be brief.");
        if brief { code } else { format!("I am quite sure that the code is {code}") }
    }))
}

fn world() -> World {
    let mut world = World::new(0.0, proposer());
    world.models[0].1 = talker();
    world.judge = terse::ENTRY;
    world
}

/// Without a proposer model: phrases are added and dropped.
fn aiming(objectives: &[(&str, f64)]) -> PromptTuning {
    let system = SlotPath::new("code", "system");
    PromptTuning {
        start: Some(Candidate::new("wordy").with(system, SlotValue::Prompt(WORDY.into()))),
        phrases: vec!["Be brief.".into()],
        effort: Effort::Light,
        objectives: objectives.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect(),
        ..PromptTuning::default()
    }
}

fn text(outcome: &Outcome) -> String {
    match outcome.chosen().unwrap().slots.values().next() {
        Some(SlotValue::Prompt(text)) => text.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_prompts_with_one_reward_the_shorter_and_cheaper_wins_where_that_counts() {
    for (name, weight) in [("length", -0.001), ("tokens", -0.002), ("usd", -1000.0)] {
        let outcome = world().tune(&aiming(&[(name, weight)])).await.unwrap();
        assert!(outcome.headline.contains("is worth more than the seed by"), "{name}: {}", outcome.headline);
        assert!(text(&outcome).len() < WORDY.len() / 2, "{name}: {}", text(&outcome));
        // The reward is shown as it is, and each objective of both.
        let weighing = outcome.weighing.as_ref().unwrap();
        assert_eq!(weighing.candidates, ["seed", outcome.winner.as_deref().unwrap()]);
        let [reward, other] = &weighing.parts[..] else { panic!("{weighing:?}") };
        assert_eq!((reward.name.as_str(), other.name.as_str(), other.weight), ("reward", name, weight));
        let [seed, winner] = [0, 1].map(|one| reward.means[one].unwrap());
        assert_eq!(seed, winner);
        assert!((0.4..0.9).contains(&seed) && other.means[1].unwrap() < other.means[0].unwrap());
        for one in [0, 1] {
            let worth = reward.means[one].unwrap() + weight * other.means[one].unwrap();
            assert!((weighing.worth[one].unwrap() - worth).abs() < 1e-6, "{weighing:?}");
        }
        assert_eq!(outcome.confirmed.unwrap().mean, winner);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_reward_alone_counts_the_seed_stays_and_nothing_is_said_of_worth() {
    for objectives in [&[][..], &[("length", 0.0)]] {
        let world = world();
        let outcome = world.tune(&aiming(objectives)).await.unwrap();
        assert_eq!(outcome.winner.as_deref(), Some("seed"), "{}", outcome.headline);
        assert!(!serde_json::to_string(&outcome).unwrap().contains("weighing"));
        let trials = std::fs::read_to_string(world.directory.path().join("candidates.jsonl")).unwrap();
        assert!(trials.lines().count() > 3 && !trials.contains("worth\""), "{trials}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_metric_of_the_judge_counts_though_not_every_rollout_has_it() {
    let world = world();
    let outcome = world.tune(&aiming(&[("words", -0.05)])).await.unwrap();
    assert!(text(&outcome).contains("Be brief."), "{}", outcome.headline);
    let words = &outcome.weighing.as_ref().unwrap().parts[1];
    assert_eq!((words.name.as_str(), words.means.as_slice()), ("words", &[Some(9.0), Some(1.0)][..]));
    let trials = std::fs::read_to_string(world.directory.path().join("candidates.jsonl")).unwrap();
    let raced = trials.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert!(raced.filter(|trial| trial["rows"] != 0).all(|trial| trial["worth"].is_number()));
    // The outcome comes back from its file.
    let json = serde_json::to_string(&outcome).unwrap();
    assert_eq!(serde_json::from_str::<Outcome>(&json).unwrap(), outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seed_without_an_error_is_improved_where_something_else_counts() {
    let mut world = world();
    let told = (0..KINDS).map(|kind| format!("Orders of kind{kind} have the code C{kind}.\n"));
    let all: String = told.chain([WORDY.to_owned()]).collect();
    world.models[0].1 = task_model(0.0);
    let full = |objectives: &[(&str, f64)]| PromptTuning {
        start: Some(
            Candidate::new("all").with(SlotPath::new("code", "system"), SlotValue::Prompt(all.clone())),
        ),
        ..aiming(objectives)
    };
    let plain = world.tune(&full(&[])).await.unwrap();
    assert!(plain.headline.contains("every row has the full reward"), "{}", plain.headline);
    let short = World { judge: terse::ENTRY, models: world.models.clone(), ..World::new(0.0, proposer()) };
    let short = short.tune(&full(&[("length", -0.001)])).await.unwrap();
    assert!(text(&short).len() < all.len() && text(&short).contains("kind4"), "{}", short.headline);
    assert_eq!(short.confirmed.unwrap().mean, 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proposer_model_is_told_what_counts_and_what_each_run_has_of_it() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let mut questions = Vec::new();
    for objectives in [&[("words", -0.05), ("tokens", -0.002)][..], &[]] {
        let mut world = world();
        let heard = Arc::clone(&asked);
        world.models[1].1 = Model::new(Scripted::new("proposer", move |request: &ChatRequest| {
            heard.lock().unwrap().push(request.messages[0].text());
            "```\nGive the code.\n```".to_owned()
        }));
        let settings =
            PromptTuning { proposer: Some("proposer".into()), rounds: Some(4), ..aiming(objectives) };
        world.tune(&settings).await.unwrap();
        questions.push(std::mem::take(&mut *asked.lock().unwrap()));
    }
    let [told, untold] = &questions[..] else { panic!() };
    assert!(
        !told.is_empty()
            && told
                .iter()
                .all(|one| one.contains("words, measured of each run: weight -0.05, so less is better"))
    );
    assert!(
        told.iter().any(|one| one.contains("Reward: 1\ntokens: ") && one.contains("words: 9\nRow: ")),
        "{told:#?}"
    );
    assert!(!untold.is_empty() && untold.iter().all(|one| !one.contains("worth") && !one.contains("tokens")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finished_run_with_objectives_asked_again_gives_the_same_and_pays_nothing() {
    let world = world();
    let settings =
        PromptTuning { proposer: Some("proposer".into()), ..aiming(&[("words", -0.05), ("tokens", -0.001)]) };
    let engine = world.engine();
    let first = timeless(world.tune_with(&engine, &settings).await.unwrap());
    let (calls, paid) = (engine.spent().calls, first.rows);
    drop(engine);
    let engine = world.engine();
    assert_eq!(timeless(world.tune_with(&engine, &settings).await.unwrap()), first);
    assert!(paid > 0 && engine.spent().calls == calls);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_objective_that_no_rollout_has_is_refused_with_those_that_there_are() {
    let error = world().tune(&aiming(&[("word", -0.05)])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let error = error.to_string();
    for part in ["objectives.word:", "did you mean `words`", "tokens", "length", "Reward::metric"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let impossible = aiming(&[("reward", 2.0), ("seconds", -1.0), ("words", f64::NAN)]);
    let error = world().tune(&impossible).await.unwrap_err().to_string();
    for part in ["objectives.reward:", "objectives.seconds:", "objectives.words is NaN"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}
