use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;
use crate::{
    judge::{Reward, Rewards},
    model::{Model, scripted::Scripted},
    workflow::{Context, Group},
};

fn read(text: &str) -> Result<Judges> {
    Judges::read(&toml::from_str(text).unwrap(), &PathBuf::new())
}

/// What the judge `it` says of `response` to `task`.
async fn judge(table: &str, task: Value, response: Value) -> Result<Reward> {
    let judges = read(&format!("[it]\n{table}"))?;
    let judged = Judged { task: Arc::new(task), response: Arc::new(response) };
    let model = Model::new(Scripted::new("judge", |request| {
        let asked: String = request.messages.iter().map(crate::message::Msg::text).collect();
        let right = asked.contains("<task>\n6 x 7?\n</task>") && !asked.contains("answer: 42");
        json!({"reason": "so", "score": if right { 5 } else { 1 }, "better": "a"}).to_string()
    }));
    let context = Context::builder("row/0").component("it").slot("model", model).build();
    match judges.member("it").unwrap().run(judged, context).await? {
        Rewards::One(reward) => Ok(reward),
        Rewards::Each(_) => panic!("several rewards for one response"),
    }
}

#[tokio::test]
async fn a_relative_judge_sees_all_responses_at_once() {
    let judges = read("[it]\nkind = 'relative'\nmodel = 'm'\ncriteria = 'c'\nextract = '\\d+'").unwrap();
    let model = Model::new(Scripted::new("judge", |request| {
        let asked = request.messages[1].text();
        let grade = |number: usize| {
            let answer = format!("<answer_{number}>\n7\n</answer_{number}>");
            json!({"answer": number, "reason": "so", "score": if asked.contains(&answer) { 0.9 } else { 0.2 }})
        };
        json!({"grades": [grade(1), grade(2)]}).to_string()
    }));
    let context = Context::builder("row/0").component("it").slot("model", model).build();
    let responses: Group<Value> = ["so 7", "4", "or 7"].map(Value::from).into_iter().collect();
    let judged = Judged { task: Arc::new(json!({"q": "3 + 4?"})), response: Arc::new(responses) };
    let Rewards::Each(rewards) = judges.member("it").unwrap().run(judged, context).await.unwrap() else {
        panic!("one reward for several responses")
    };
    assert_eq!(rewards.iter().map(|reward| reward.value).collect::<Vec<_>>(), [0.9, 0.2, 0.9]);
    let error = read("[it]\nkind = 'relative'\nmodel = 'm'\ncriteria = 'c'\nfield = 'a'").unwrap_err();
    assert!(error.to_string().contains("needs no `field`"), "{error}");
}

async fn value(table: &str, task: Value, response: Value) -> f64 {
    judge(table, task, response).await.unwrap().value
}

#[tokio::test]
async fn every_kind_judges_a_row() {
    let rows = [
        ("kind = 'exact'\nfield = 'a'\nignore = { case = true }", json!({"a": "Yes"}), json!("yes"), 1.0),
        ("kind = 'contains'\nfield = 'a'", json!({"a": "yes"}), json!("oh yes!"), 1.0),
        ("kind = 'numeric'\nfield = 'a'\nabsolute = 1", json!({"a": 42}), json!("about 43"), 1.0),
        ("kind = 'choice'\nfield = 'a'", json!({"a": 1}), json!("(B)"), 1.0),
        ("kind = 'choice'\nfield = 'a'\noptions = 5", json!({"a": "E"}), json!("E."), 1.0),
        ("kind = 'regex'\npattern = '^y'", json!("?"), json!("yes"), 1.0),
        ("kind = 'json-schema'\nschema = { type = 'array' }", json!("?"), json!("[1]"), 1.0),
        ("kind = 'token-f1'\nfield = 'a'", json!({"a": ["no", "yes it is"]}), json!("yes it"), 0.8),
        (
            "kind = 'bleu'\nfield = 'a'\nsmoothing = { floor = 0.1 }",
            json!({"a": "a b c d"}),
            json!("a b c d"),
            1.0,
        ),
        ("kind = 'rouge'\nfield = 'a'\nvariant = '1'\nstem = false", json!({"a": "x y"}), json!("x z"), 0.5),
        ("kind = 'edit'\nfield = 'a'", json!({"a": "abcd"}), json!("abcx"), 0.75),
        ("kind = 'tokens'", json!("?"), json!("yes"), 0.0),
        ("kind = 'cost'\nmost = 0.1", json!("?"), json!("yes"), 1.0),
        (
            "kind = 'rubric'\nmodel = 'm'\ncriteria = 'c'\nfield = 'answer'",
            json!({"q": "6 x 7?", "answer": "42"}),
            json!("42"),
            1.0,
        ),
        ("kind = 'rubric'\nmodel = 'm'\ncriteria = 'c'", json!("6 x 7?"), json!("42"), 1.0),
        ("kind = 'pairwise'\nmodel = 'm'\ncriteria = 'c'\nfield = 'a'", json!({"a": "1"}), json!("2"), 0.5),
    ];
    for (table, task, response, wanted) in rows {
        let reward = value(table, task, response).await;
        assert!((reward - wanted).abs() < 1e-9, "{table}: {reward}, not {wanted}");
    }
}

#[tokio::test]
async fn answers_are_found_in_messages_fields_and_patterns() {
    let message = json!({"role": "assistant", "content": [{"type": "text", "text": "42"}]});
    let exact = "kind = 'exact'\nfield = 'answers.text'\n";
    let task = json!({"answers": {"text": ["41", "42"]}});
    assert_eq!(value(exact, task.clone(), message).await, 1.0);
    let inside = format!("{exact}response-field = 'final'");
    assert_eq!(value(&inside, task.clone(), json!({"final": 42})).await, 1.0);
    let extract = format!("{exact}extract = '#### (\\d+)'");
    assert_eq!(value(&extract, task.clone(), json!("6 x 7 = 1\n#### 42")).await, 1.0);
    assert_eq!(value(&extract, task, json!("42")).await, 0.0);
}

#[tokio::test]
async fn a_missing_field_names_those_there_are() {
    let error =
        judge("kind = 'exact'\nfield = 'anwser'", json!({"answer": "42"}), json!("42")).await.unwrap_err();
    assert!(error.to_string().contains("did you mean `answer`"), "{error}");
    assert!(judge("kind = 'exact'\nfield = 'a'", json!({"a": null}), json!("42")).await.is_err());
}

#[test]
fn tables_that_cannot_work_are_all_named() {
    let cases = [
        ("", "name the `kind`"),
        ("kind = 'exat'", "did you mean `exact`"),
        ("kind = 'exact'", "name the `field`"),
        ("kind = 'exact'\nfield = 'a'\nignor = 1", "ignor"),
        ("kind = 'exact'\nfield = 'a'\nignore = { cases = true }", "cases"),
        ("kind = 'edit'\nfield = 'a'\nmost = 1", "most"),
        ("kind = 'regex'\npattern = '('", "regular expression"),
        ("kind = 'regex'\npattern = 'x'\nfield = 'a'", "remove it"),
        ("kind = 'exact'\nfield = 'a'\nextract = '('", "regular expression"),
        ("kind = 'numeric'\nfield = 'a'\nabsolute = -1.0", "at least 0"),
        ("kind = 'choice'\nfield = 'a'\noptions = 1", "[2, 26]"),
        ("kind = 'bleu'\nfield = 'a'\nsmoothing = { floor = 0.0 }", "above 0"),
        ("kind = 'rouge'\nfield = 'a'\nvariant = '9'", "9"),
        ("kind = 'cost'\nmost = 0.0", "above 0"),
        ("kind = 'rubric'\ncriteria = 'c'", "name the `model`"),
        ("kind = 'rubric'\nmodel = 'm'\ncriteria = ' '", "empty"),
        ("kind = 'json-schema'\nschema = 'missing.json'", "missing.json"),
        ("kind = 'json-schema'\nschema = { type = 'nothing' }", "schema"),
        ("kind = 'weighted'\nparts = [{ judge = 'a', kind = 'edit', weight = 1 }]", "a part is"),
        ("kind = 'weighted'\nparts = [{ name = 'a', kind = 'edit', weight = 1 }]", "part `a`"),
        ("kind = 'weighted'", "parts"),
    ];
    for (table, wanted) in cases {
        let error = read(&format!("[it]\n{table}")).unwrap_err().to_string();
        assert!(error.starts_with("[judges.it]: ") && error.contains(wanted), "{table}: {error}");
    }
    let both = read("[one]\nkind = 'x'\n[two]\nkind = 'y'").unwrap_err().to_string();
    assert_eq!(both.lines().filter(|line| line.starts_with("[judges.")).count(), 2, "{both}");
}

#[test]
fn parts_of_a_sum_are_not_whole_judges() {
    let judges = read(
        "[right]\nkind = 'exact'\nfield = 'a'\n[other]\nkind = 'tokens'\n[total]\nkind = 'weighted'\n\
         parts = [{ judge = 'right', weight = 0.7 }, { name = 'cheap', kind = 'cost', weight = 1 }]",
    )
    .unwrap();
    assert_eq!(judges.names().collect::<Vec<_>>(), ["other", "right", "total"]);
    assert_eq!(judges.whole(), ["other", "total"]);
    assert_eq!(judges.parts("total").unwrap().len(), 2);
    assert!(judges.member("total").is_none());
}
