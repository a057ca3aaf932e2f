//! Answers of a type.

use agentscope_tuner::{
    ErrorKind,
    agent::ReActAgent,
    error::Limit,
    message::{Msg, Role},
    model::ToolChoice,
    tool,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::{add, call, in_order, roles, scripted};

/// A number and how sure it is.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Sum {
    /// The sum.
    value: i64,
    sure: bool,
}

fn must_finish() -> ToolChoice {
    ToolChoice::Tool("finish".into())
}

#[tokio::test]
async fn an_answer_that_fits_ends_the_reply() {
    let (model, asked) = in_order([
        call("c0", "add", json!({"a": 1, "b": 2})),
        call("c1", "finish", json!({"value": 3, "sure": true})),
        Msg::assistant("Bye."),
    ]);
    let mut agent = ReActAgent::new(model).tool::<add>();
    let sum: Sum = agent.reply_as(Msg::user("1 + 2?")).await.unwrap();
    assert_eq!(sum, Sum { value: 3, sure: true });
    {
        let requests = asked.requests();
        let names: Vec<_> = requests[0].tools.iter().map(|tool| &*tool.name).collect();
        assert_eq!(names, ["add", "finish"]);
        let schema = &requests[0].tools[1].parameters;
        assert_eq!((&schema["type"], &schema["required"]), (&json!("object"), &json!(["value", "sure"])));
        assert_eq!(schema["properties"]["value"]["description"], "The sum.");
        assert!(requests.iter().all(|request| request.tool_choice == ToolChoice::Auto));
    }
    // The tool is there for structured answers only.
    agent.reply(Msg::user("Bye.")).await.unwrap();
    assert_eq!(asked.requests()[2].tools.len(), 1);
    use Role::{Assistant, Tool, User};
    assert_eq!(roles(agent.messages()), [User, Assistant, Tool, Assistant, Tool, User, Assistant]);
}

#[tokio::test]
async fn a_wrong_answer_is_returned_to_be_put_right() {
    let (model, asked) = in_order([
        call("c0", "finish", json!({"value": "three", "sure": true})),
        call("c1", "finish", json!({"value": 3, "sure": false})),
    ]);
    let sum: Sum = ReActAgent::new(model).reply_as(Msg::user("1 + 2?")).await.unwrap();
    assert_eq!(sum, Sum { value: 3, sure: false });
    let requests = asked.requests();
    let result = requests[1].messages[2].tool_results().next().unwrap();
    assert!(result.is_error && result.text().contains("`value`"), "{}", result.text());
}

#[tokio::test]
async fn an_answer_in_words_is_asked_for_again() {
    let (model, asked) =
        in_order([Msg::assistant("It is 3."), call("c0", "finish", json!({"value": 3, "sure": true}))]);
    let sum: Sum = ReActAgent::new(model).reply_as(Msg::user("1 + 2?")).await.unwrap();
    assert_eq!(sum.value, 3);
    let requests = asked.requests();
    assert_eq!(requests[1].tool_choice, must_finish());
    assert_eq!(roles(&requests[1].messages), [Role::User, Role::Assistant, Role::User]);
}

#[tokio::test]
async fn the_last_try_must_finish() {
    let (model, asked) = scripted(|turn| match turn {
        2 => call("c2", "finish", json!({"answer": 3})),
        _ => call(&format!("c{turn}"), "add", json!({"a": 1, "b": 2})),
    });
    // A number is no object, so it stands in a field.
    let sum: i64 = ReActAgent::new(model).tool::<add>().max_iters(2).reply_as(Msg::user("?")).await.unwrap();
    assert_eq!(sum, 3);
    let requests = asked.requests();
    let choices: Vec<_> = requests.iter().map(|request| request.tool_choice.clone()).collect();
    assert_eq!(choices, [ToolChoice::Auto, ToolChoice::Auto, must_finish()]);
}

#[tokio::test]
async fn an_answer_that_never_fits_is_an_error_that_says_why() {
    let (model, asked) = scripted(|turn| call(&format!("c{turn}"), "finish", json!({"value": "three"})));
    let mut agent = ReActAgent::new(model).max_iters(2);
    let error = agent.reply_as::<Sum>(Msg::user("1 + 2?")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit(Limit::Turns));
    let text = error.to_string();
    assert!(text.contains("in 3 turns") && text.contains("`value`") && text.contains("max_iters"), "{text}");
    assert_eq!((asked.count(), agent.messages().len()), (3, 0));

    let (model, _) = scripted(|_| Msg::assistant("I would rather not."));
    let error = ReActAgent::new(model).max_iters(1).reply_as::<Sum>(Msg::user("?")).await.unwrap_err();
    assert!(error.to_string().contains("`finish` was never called"), "{error}");
}

#[tokio::test]
async fn a_tool_named_finish_is_in_the_way() {
    /// Ends it all.
    #[tool]
    async fn finish() {}

    let (model, asked) = in_order([]);
    let error = ReActAgent::new(model).tool::<finish>().reply_as::<Sum>(Msg::user("?")).await.unwrap_err();
    assert_eq!((error.kind(), asked.count()), (ErrorKind::Usage, 0));
    assert!(error.to_string().contains("reply_as"), "{error}");
}
