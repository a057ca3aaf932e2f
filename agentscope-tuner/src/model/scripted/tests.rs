use std::io::Write as _;

use serde_json::json;

use super::*;
use crate::model::Model;

async fn ask(model: &Model, text: &str) -> Result<String> {
    model.ask(text).await
}

fn file(extension: &str, text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(extension).tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[tokio::test]
async fn replies_come_in_order_and_then_the_script_has_ended() {
    let model = Model::new(Scripted::in_order("two", ["one", "two"]));
    assert_eq!(ask(&model, "?").await.unwrap(), "one");
    assert_eq!(ask(&model, "?").await.unwrap(), "two");
    let error = ask(&model, "?").await.unwrap_err();
    assert!(error.to_string().contains("2 replies, but this is call 3"), "{error}");
}

#[tokio::test]
async fn the_first_rule_that_fits_answers() {
    let script = file(
        ".toml",
        r#"
        [[rule]]
        matches = '(?<n>\d+) apples'
        reply = "You have ${n}, worth $$1."
        [[rule]]
        contains = "weather"
        calls = [{ name = "forecast", arguments = { city = "Bern" } }]
        [[rule]]
        in = "last"
        contains = "sunny"
        reply = "Take a hat."
        "#,
    );
    let model = Model::new(Scripted::from_file("s", script.path()).unwrap());
    assert_eq!(ask(&model, "I hold 12 apples").await.unwrap(), "You have 12, worth $1.");
    let response = model.chat(&ChatRequest::new([Msg::user("How is the weather?")])).await.unwrap();
    let call = response.message.tool_uses().next().unwrap();
    assert_eq!((&*call.name, &call.input), ("forecast", &json!({"city": "Bern"})));
    let error = ask(&model, "Who are you?").await.unwrap_err();
    assert!(error.to_string().contains("Who are you?"), "{error}");
}

#[tokio::test]
async fn a_rule_can_be_used_up() {
    let script = file(
        ".jsonl",
        "{\"fail\": \"rate-limited\", \"retry-after\": 2, \"times\": 1}\n\n{\"reply\": \"now\"}\n",
    );
    let model = Model::new(Scripted::from_file("s", script.path()).unwrap());
    let error = ask(&model, "?").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model(ModelFailure::RateLimited));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(2)));
    assert_eq!(ask(&model, "?").await.unwrap(), "now");
}

#[tokio::test]
async fn usage_counts_words() {
    let model = Model::new(Scripted::new("s", |_: &ChatRequest| "five words are in this"));
    let request = ChatRequest::new([Msg::system("be brief"), Msg::user("how many words?")]);
    let usage = model.chat(&request).await.unwrap().usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (5, 5));
}

#[test]
fn faults_of_a_script_are_listed_with_their_place() {
    let script = file(".jsonl", "{\"reply\": \"a\"}\n{\"replay\": \"b\"}");
    let error = Scripted::from_file("s", script.path()).unwrap_err();
    assert!(error.to_string().contains("line 2") && error.to_string().contains("reply"), "{error}");
    let rules = [Rule::default(), Rule { matches: Some("(".into()), ..Rule::otherwise("x") }];
    let error = Scripted::rules("s", rules).unwrap_err();
    assert!(error.to_string().contains("rule 1") && error.to_string().contains("rule 2"), "{error}");
}

crate::scripted!("abacus", |spec| Ok(Scripted::new(&*spec.name, |_: &ChatRequest| "42")));

#[tokio::test]
async fn a_registered_model_is_found_by_its_name() {
    let model = ModelSpec::new("scripted", "abacus").build(&|_| None).unwrap();
    assert_eq!(ask(&model, "6 x 7").await.unwrap(), "42");
    let error = ModelSpec::new("scripted", "abakus").build(&|_| None).unwrap_err();
    assert!(error.to_string().contains("abacus"), "{error}");
}
