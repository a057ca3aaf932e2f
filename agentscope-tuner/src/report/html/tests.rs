//! Pages of real runs over scripted models, parsed back as a browser would.

use std::{collections::HashSet, fs, path::Path, sync::Arc};

use scraper::{ElementRef, Html, Selector};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate as agentscope_tuner;
use crate::{
    candidate::{Candidate, SlotPath, SlotValue},
    judge::{Judge, Reward},
    model::{ChatResponse, Model, TokenTrace, scripted::Scripted},
    rollout::{Engine, ModelTable, Options, Setup, Store, Task},
    seed,
    strategy::{Evaluation, Inputs, ModelSelection, Strategy},
    workflow::Workflow,
};

/// What a model may write to take over the page that shows it.
const HOSTILE: &str =
    "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>\u{2028}<!--";

/// Asks the row's question.
#[agentscope_tuner::workflow]
async fn quiz(task: Value, model: Model) -> Result<String> {
    if task["q"] == 13 { Err(HOSTILE.into()) } else { model.ask(task["q"].to_string()).await }
}

/// Whether the answer begins with a 1.
#[agentscope_tuner::judge]
async fn worth(_task: &Value, response: &str) -> Reward {
    Reward::new(f64::from(u8::from(response.starts_with('1')))).feedback(HOSTILE)
}

/// A model that is right with probability `skill`, and hostile.
fn model(name: &'static str, skill: f64) -> Model {
    Model::new(Scripted::new(name, move |request| {
        let question = request.messages.last().map(crate::message::Msg::text).unwrap_or_default();
        let right = seed::unit(3, name, [question.as_bytes()]) < skill;
        let tokens = TokenTrace { prompt_ids: vec![5, 6], ids: vec![7, 8], logprobs: vec![-0.1, -3.0] };
        let answer = format!("{} {HOSTILE}", u8::from(right));
        ChatResponse { tokens: Some(tokens), ..ChatResponse::text(answer).with_usage(10, 2) }
    }))
}

fn engine(directory: &Path, models: &[(&str, f64)]) -> Engine {
    let skills = [("weak", 0.2), ("good", 0.9)];
    let models = models.iter().fold(ModelTable::default(), |table, (name, skill)| {
        let known = skills.iter().find(|(_, known)| known == skill).map_or("model", |(name, _)| name);
        table.with(*name, model(known, *skill))
    });
    Engine::new(Setup {
        workflow: quiz::ENTRY,
        judge: Some(worth::ENTRY.into()),
        models,
        slots: [(SlotPath::new("quiz", "model"), SlotValue::model("good"))].into(),
        options: Options { seed: 5, ..Options::default() },
        store: Store::open(directory.join("run.sqlite")).unwrap(),
        stop: CancellationToken::new(),
    })
    .unwrap()
}

fn rows(count: usize) -> Vec<Arc<Task>> {
    (0..count).map(|row| Arc::new(Task { id: format!("test/{row}"), value: json!({"q": row}) })).collect()
}

async fn run(directory: &Path, strategy: impl Strategy, rows: &[Arc<Task>]) {
    let engine = engine(directory, &[("good", 0.9), ("<i>weak</i>", 0.2)]);
    let outcome = strategy.run(Inputs::measuring(&engine, rows)).await.unwrap();
    fs::write(directory.join("outcome.json"), serde_json::to_string(&outcome).unwrap()).unwrap();
}

fn selection() -> ModelSelection {
    ModelSelection::of_models(&SlotPath::new("quiz", "model"), ["<i>weak</i>", "good"])
}

fn spell(_: &str, ids: &[u32]) -> Option<Vec<String>> {
    Some(ids.iter().map(|id| format!("{id}{HOSTILE}")).collect())
}

/// The page of the run in `directory`, its text and its tree.
fn read(directory: &Path, mode: Mode) -> (String, Html) {
    let text = page(&Material::read(directory).unwrap(), &spell, mode).unwrap();
    let html = Html::parse_document(&text);
    assert!(html.errors.is_empty(), "{:?}", html.errors);
    (text, html)
}

fn all<'a>(html: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    html.select(&Selector::parse(selector).unwrap()).collect()
}

fn words(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn data(html: &Html) -> Vec<Value> {
    serde_json::from_str(&all(html, "#data")[0].inner_html()).unwrap()
}

#[tokio::test]
async fn a_selection_is_shown_whole() {
    let directory = tempfile::tempdir().unwrap();
    run(directory.path(), selection(), &rows(60)).await;
    let (_, html) = read(directory.path(), Mode::File);
    let journal = Material::read(directory.path()).unwrap().records;
    let (records, tasks) =
        (journal.len(), journal.iter().map(|(_, one)| &one.task_id).collect::<HashSet<_>>().len());

    assert_eq!(all(&html, "h1").len(), 1);
    let sections: Vec<String> = all(&html, "h2").into_iter().map(words).collect();
    assert_eq!(sections, ["Candidates", "Plots", "Rows", "Conversations"]);
    let titles: Vec<String> = all(&html, "figcaption").into_iter().map(words).collect();
    // The prices are unknown, so nothing is drawn against the cost.
    assert_eq!(titles, ["Mean by rows", "Reward against time"]);
    assert_eq!(all(&html, ".ranking tbody tr").len(), 2);
    assert_eq!(all(&html, ".matrix .cell").len(), records);
    assert_eq!(all(&html, ".matrix tbody tr").len(), tasks);
    assert_eq!(all(&html, ".matrix thead th").len(), 3);
    assert_eq!(data(&html).len(), records);
    for cell in all(&html, ".matrix button.cell") {
        let place: usize = cell.attr("data-conversation").unwrap().parse().unwrap();
        let (one, label) = (&data(&html)[place], cell.attr("aria-label").unwrap());
        let expected =
            format!("{} on {}: ", one["candidate"].as_str().unwrap(), one["task"].as_str().unwrap());
        assert!(label.starts_with(&expected), "{label}");
    }
}

#[tokio::test]
async fn what_models_wrote_stays_text() {
    let directory = tempfile::tempdir().unwrap();
    run(directory.path(), selection(), &rows(30)).await;
    let line = json!({"id": "p", "slot": HOSTILE, "text": HOSTILE, "reason": HOSTILE, "proposer": HOSTILE});
    fs::write(directory.path().join("candidates.jsonl"), format!("{line}\n")).unwrap();
    let metrics = json!({"step": 1, HOSTILE: 0.5});
    fs::write(directory.path().join("metrics.jsonl"), format!("{metrics}\n")).unwrap();
    let (_, html) = read(directory.path(), Mode::File);

    assert_eq!(all(&html, "script").len(), 2);
    assert!(all(&html, "img, iframe, object, embed, i, [onerror], [style]").is_empty());
    let one = data(&html).into_iter().find(|one| one["status"] == "scored").unwrap();
    assert_eq!(one["feedback"], HOSTILE);
    assert_eq!(one["turns"][0]["tokens"]["texts"][1], format!("8{HOSTILE}"));
    assert!(words(all(&html, ".tree")[0]).contains("</script>"));
    let failed = data(&html).into_iter().find(|one| one["status"] == "task-failed").unwrap();
    assert!(failed["error"].as_str().unwrap().contains(HOSTILE));
}

#[tokio::test]
async fn the_page_asks_nobody_for_anything_and_runs_only_its_own_script() {
    let directory = tempfile::tempdir().unwrap();
    run(directory.path(), selection(), &rows(30)).await;
    for (mode, connects) in [(Mode::File, false), (Mode::Live, true)] {
        let (text, html) = read(directory.path(), mode);
        let policy = all(&html, "meta[http-equiv]")[0].attr("content").unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert_eq!(policy.contains("connect-src 'self'"), connects);
        for script in all(&html, "script:not([type]), style") {
            assert!(policy.contains(&format!("'nonce-{}'", script.attr("nonce").unwrap())));
        }
        for element in all(&html, "[href], [src], [action], [srcset], [data], [poster]") {
            let target = element.attr("href").unwrap_or("away");
            assert!(target.starts_with('#') || target == "data:,", "{target}");
        }
        assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("url("));
    }
}

#[tokio::test]
async fn tables_plots_and_controls_have_names() {
    let directory = tempfile::tempdir().unwrap();
    run(directory.path(), selection(), &rows(40)).await;
    let (_, html) = read(directory.path(), Mode::File);
    let ids: Vec<&str> = all(&html, "[id]").iter().map(|one| one.attr("id").unwrap()).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "an id stands twice");
    for attribute in ["aria-labelledby", "aria-describedby", "for"] {
        for element in all(&html, &format!("[{attribute}]")) {
            assert!(ids.contains(&element.attr(attribute).unwrap()), "{}", element.html());
        }
    }
    for link in all(&html, "nav a, a.skip") {
        assert!(ids.contains(&&link.attr("href").unwrap()[1..]));
    }
    assert!(all(&html, "th").iter().all(|one| matches!(one.attr("scope"), Some("col" | "row"))));
    assert!(all(&html, "svg:not([aria-hidden])").iter().all(|one| one.attr("aria-labelledby").is_some()));
    assert!(all(&html, "svg desc").iter().all(|one| words(*one).contains("good: ")));
    let labelled: HashSet<&str> = all(&html, "label").iter().filter_map(|one| one.attr("for")).collect();
    assert!(all(&html, "input, select").iter().all(|one| labelled.contains(one.attr("id").unwrap())));
    assert_eq!(all(&html, "html")[0].attr("lang"), Some("en"));
}

#[tokio::test]
async fn a_large_run_says_what_the_page_does_not_hold() {
    let directory = tempfile::tempdir().unwrap();
    run(directory.path(), Evaluation::default(), &rows(conversations::MOST + 100)).await;
    let (text, html) = read(directory.path(), Mode::File);
    assert!(text.contains("holds 500 of 600 conversations (at most 500)"));
    assert_eq!(data(&html).len(), conversations::MOST);
    assert_eq!(all(&html, ".matrix .cell").len(), conversations::MOST + 100);
    assert_eq!(all(&html, ".matrix button.cell").len(), conversations::MOST);
    // What failed is there in any case.
    assert!(data(&html).iter().any(|one| one["status"] == "task-failed"));
}

#[tokio::test]
async fn a_run_without_a_result_has_a_page_too() {
    let directory = tempfile::tempdir().unwrap();
    let going_on = engine(directory.path(), &[("good", 0.9)]);
    let (_, html) = read(directory.path(), Mode::Live);
    assert!(words(all(&html, "h1")[0]).contains("no result yet"));
    assert!(all(&html, ".matrix .cell").is_empty());

    let evaluation = Evaluation { candidate: Candidate::configured(), repeats: 2 };
    evaluation.run(Inputs::measuring(&going_on, &rows(3))).await.unwrap();
    let (_, html) = read(directory.path(), Mode::Live);
    assert_eq!(all(&html, ".matrix td").len(), 3);
    assert_eq!(all(&html, ".matrix .cell").len(), 6);
    let second = all(&html, ".matrix button.cell")[1].attr("aria-label").unwrap();
    assert!(second.starts_with("configured on ") && second.contains(", attempt 2: "), "{second}");
}

#[tokio::test]
async fn curves_and_prompts_are_shown_where_there_are_any() {
    let directory = tempfile::tempdir().unwrap();
    run(directory.path(), Evaluation::default(), &rows(3)).await;
    let metrics = directory.path().join("metrics.jsonl");
    fs::write(&metrics, "{\"step\": 1, \"loss\": 0.5}\n{\"step\": 2, \"loss\": 0.25}\n{\"step\": 3, \"lo")
        .unwrap();
    let prompts = [
        json!({"id": 0, "slot": "quiz.system", "text": "Be brief.", "mean": 0.5, "accepted": true}),
        json!({"id": 1, "parent": 0, "slot": "quiz.system", "text": "Be very brief.", "accepted": false}),
    ];
    let prompts = prompts.map(|line| format!("{line}\n")).concat();
    fs::write(directory.path().join("candidates.jsonl"), prompts).unwrap();
    let (_, html) = read(directory.path(), Mode::File);
    assert_eq!(words(all(&html, "#curve-0-title")[0]), "loss");
    assert_eq!(words(all(&html, "#curve-0-summary")[0]), "loss at 2 steps, 0.2500 at step 2");
    assert_eq!(all(&html, ".tree li").len(), 2);
    assert_eq!(all(&html, ".tree ins").into_iter().map(words).collect::<Vec<_>>(), ["very"]);
    assert_eq!(
        all(&html, ".tree .chip").into_iter().map(words).collect::<Vec<_>>(),
        ["accepted", "rejected"]
    );

    fs::write(&metrics, "{\"step\": 1}\nno JSON\n{\"step\": 2}\n").unwrap();
    let error = Material::read(directory.path()).unwrap_err();
    assert!(error.to_string().contains("line 2 of the run's metrics.jsonl"), "{error}");
}

#[tokio::test]
async fn what_counts_besides_the_reward_stands_side_by_side() {
    let directory = tempfile::tempdir().unwrap();
    run(directory.path(), Evaluation::default(), &rows(3)).await;
    assert!(all(&read(directory.path(), Mode::File).1, ".weighing").is_empty());
    let path = directory.path().join("outcome.json");
    let mut outcome: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    outcome["weighing"] = json!({
        "candidates": ["seed", "<b>p2</b>"], "rows": 3, "worth": [0.5, 0.75],
        "parts": [{"name": "tokens", "weight": -0.001, "means": [500.0, null]}]
    });
    fs::write(&path, outcome.to_string()).unwrap();
    let (_, html) = read(directory.path(), Mode::File);
    let cells: Vec<String> = all(&html, ".weighing th, .weighing td")
        .into_iter()
        .map(|one| words(one).trim().to_owned())
        .collect();
    let wanted = [
        "Counts, on 3 rows",
        "Weight",
        "seed",
        "<b>p2</b>",
        "tokens",
        "-0.001",
        "500",
        "none",
        "worth",
        "",
        "0.5",
        "0.75",
    ];
    assert_eq!(cells, wanted);
    assert!(all(&html, ".weighing th").iter().all(|one| matches!(one.attr("scope"), Some("col" | "row"))));
}

#[test]
fn a_directory_without_a_run_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let error = Material::read(directory.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(!directory.path().join("run.sqlite").exists());
}
