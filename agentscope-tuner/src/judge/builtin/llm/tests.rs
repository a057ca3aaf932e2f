use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use serde_json::json;

use super::*;
use crate::{message::Msg, model::scripted::Scripted};

/// A model that counts its calls.
fn counted(answer: impl Fn(&ChatRequest) -> String + Send + Sync + 'static) -> (Model, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let model = Model::new(Scripted::new("judge", move |request: &ChatRequest| {
        count.fetch_add(1, SeqCst);
        answer(request)
    }));
    (model, calls)
}

fn asked(request: &ChatRequest) -> String {
    request.messages.last().map(Msg::text).unwrap_or_default()
}

fn grade(score: f64) -> String {
    json!({"reason": format!("because {score}"), "score": score}).to_string()
}

#[tokio::test]
async fn a_rubric_averages_its_repeats_into_the_unit_interval() {
    let model = Model::new(Scripted::in_order("judge", [grade(2.0), grade(4.0), grade(3.0)]));
    let by = Rubric { repeats: 3, ..Rubric::new("Be right.") };
    let reward = rubric(&model, "6 x 7?", "42", Some("42"), &by).await.unwrap();
    assert_eq!(reward.value, 0.5);
    assert_eq!((reward.metrics["score"], reward.metrics["score-sd"]), (3.0, 1.0));
    assert_eq!(reward.feedback.as_deref(), Some("because 2"));
}

#[tokio::test]
async fn a_rubric_shows_task_answer_reference_and_criteria() {
    let (model, _) = counted(|request| {
        let all: String = request.messages.iter().map(Msg::text).collect();
        let shown = ["Be right.", "6 x 7?", "forty-two", "<reference_answer>\n42"];
        grade(if shown.iter().all(|part| all.contains(part)) { 5.0 } else { 1.0 })
    });
    let by = Rubric::new("Be right.");
    assert_eq!(rubric(&model, "6 x 7?", "forty-two", Some("42"), &by).await.unwrap().value, 1.0);
    assert_eq!(rubric(&model, "6 x 7?", "forty-two", None, &by).await.unwrap().value, 0.0);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_asked_for_again_and_then_an_error() {
    let by = Rubric::new("Be right.");
    let model = Model::new(Scripted::in_order("judge", ["no JSON".to_owned(), grade(9.0), grade(5.0)]));
    assert_eq!(rubric(&model, "?", "!", None, &by).await.unwrap().value, 1.0);
    let (model, calls) = counted(|_| grade(f64::from(6)));
    let error = rubric(&model, "?", "!", None, &by).await.unwrap_err();
    assert!(error.to_string().contains("asked for 1 to 5"), "{error}");
    assert_eq!(calls.load(SeqCst), 3);
}

#[tokio::test]
async fn a_rubric_lists_its_faults_before_it_asks() {
    let (model, calls) = counted(|_| grade(1.0));
    let by = Rubric { lowest: 5.0, highest: 5.0, repeats: 0, ..Rubric::new(" ") };
    let error = rubric(&model, "?", "!", None, &by).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().lines().count()), (ErrorKind::Config, 3));
    assert_eq!(calls.load(SeqCst), 0);
}

fn verdict(better: &str) -> String {
    json!({"reason": format!("{better} is better"), "better": better}).to_string()
}

#[tokio::test]
async fn a_model_that_favours_a_place_sees_a_tie() {
    let (model, calls) = counted(|_| verdict("a"));
    let reward = pairwise(&model, "?", "yes", "no", "Be right.").await.unwrap();
    assert_eq!((reward.value, reward.metrics["consistent"]), (0.5, 0.0));
    assert_eq!(calls.load(SeqCst), 2);
}

#[tokio::test]
async fn the_better_answer_wins_in_both_orders() {
    let (model, calls) = counted(|request| {
        let a = asked(request).contains("<answer_a>\nyes");
        verdict(if a { "a" } else { "b" })
    });
    assert_eq!(pairwise(&model, "?", "yes", "no", "c").await.unwrap().value, 1.0);
    let lost = pairwise(&model, "?", "no", "yes", "c").await.unwrap();
    assert_eq!((lost.value, lost.metrics["consistent"]), (0.0, 1.0));
    assert_eq!(pairwise(&model, "?", "yes", "yes ", "c").await.unwrap().value, 0.5);
    assert_eq!(calls.load(SeqCst), 4);
}

/// Scores an answer that reads `n` by n / 10.
fn ranking(request: &ChatRequest) -> String {
    let text = asked(request);
    let pattern = regex::Regex::new(r"<answer_(\d+)>\n(\d+)\n").unwrap();
    let number = |text: &str| text.parse::<u32>().unwrap();
    let grades: Vec<_> = pattern
        .captures_iter(&text)
        .map(|found| json!({"answer": number(&found[1]), "reason": &found[2], "score": f64::from(number(&found[2])) / 10.0}))
        .collect();
    json!({ "grades": grades }).to_string()
}

#[tokio::test]
async fn a_group_is_seen_at_once_and_equal_answers_once() {
    let (model, calls) = counted(|request| {
        assert_eq!(asked(request).matches("<answer_").count(), 3);
        ranking(request)
    });
    let answers = ["3", "9", "3\n", "0", "9"];
    for seed in 0..20 {
        let options = Relative { criteria: "Be great.".to_owned(), seed };
        let rewards = relative(&model, "?", &answers, &options).await.unwrap();
        let values: Vec<_> = rewards.iter().map(|reward| reward.value).collect();
        assert_eq!(values, [0.3, 0.9, 0.3, 0.0, 0.9]);
        assert_eq!(rewards[1].feedback.as_deref(), Some("9"));
    }
    assert_eq!(calls.load(SeqCst), 20);
}

#[tokio::test]
async fn the_order_shown_depends_on_the_seed_alone() {
    let orders = |seed| async move {
        let (sender, receiver) = std::sync::mpsc::channel();
        let (model, _) = counted(move |request| {
            sender.send(asked(request)).unwrap();
            ranking(request)
        });
        let options = Relative { criteria: "c".to_owned(), seed };
        relative(&model, "?", &["1", "2", "3", "4"], &options).await.unwrap();
        relative(&model, "?", &["4", "3", "2", "1"], &options).await.unwrap();
        [receiver.recv().unwrap(), receiver.recv().unwrap()]
    };
    let [first, again] = orders(1).await;
    assert_eq!(first, again);
    let [other, _] = orders(2).await;
    assert_ne!(first, other);
}

#[tokio::test]
async fn a_group_of_equal_answers_costs_nothing() {
    let (model, calls) = counted(ranking);
    let options = Relative { criteria: "c".to_owned(), seed: 0 };
    let rewards = relative(&model, "?", &["1", " 1"], &options).await.unwrap();
    assert!(rewards.iter().all(|reward| reward.value == 0.5));
    let none: [&str; 0] = [];
    assert!(relative(&model, "?", &none, &options).await.unwrap().is_empty());
    assert_eq!(calls.load(SeqCst), 0);
}

#[tokio::test]
async fn a_ranking_that_leaves_out_or_doubles_an_answer_is_an_error() {
    let options = Relative { criteria: "c".to_owned(), seed: 0 };
    for numbers in [vec![1], vec![1, 3], vec![1, 1, 2]] {
        let grades: Vec<_> =
            numbers.iter().map(|number| json!({"answer": number, "reason": "", "score": 0.5})).collect();
        let (model, _) = counted(move |_| json!({ "grades": grades.clone() }).to_string());
        let error = relative(&model, "?", &["a", "b"], &options).await.unwrap_err();
        assert!(error.to_string().contains("each of them once"), "{error}");
    }
}
