//! Replies that call tools.

use std::{
    future,
    sync::{Arc, Mutex},
    time::Duration,
};

use agentscope_tuner::{
    ErrorKind, Result,
    agent::{ReActAgent, Tool, ToolOutput},
    message::{Block, Msg, Role},
    model::{ChatResponse, FinishReason, ToolSpec},
};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::{add, block, call, calls, in_order, roles, scripted};

fn spec(name: &'static str) -> ToolSpec {
    ToolSpec { name: name.into(), description: "".into(), parameters: json!({"type": "object"}) }
}

/// Never answers.
pub(crate) struct Never;

impl Tool for Never {
    fn spec(&self) -> ToolSpec {
        spec("never")
    }

    fn call(&self, _: Value) -> BoxFuture<'static, Result<ToolOutput>> {
        Box::pin(future::pending())
    }
}

/// Answers once as many calls as the barrier wants are under way.
struct Meet(Arc<Barrier>);

impl Tool for Meet {
    fn spec(&self) -> ToolSpec {
        spec("meet")
    }

    fn call(&self, input: Value) -> BoxFuture<'static, Result<ToolOutput>> {
        let barrier = Arc::clone(&self.0);
        Box::pin(async move {
            barrier.wait().await;
            Ok(vec![Block::text(input["n"].to_string())])
        })
    }
}

/// Notes when each call begins and ends, giving way in between.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Tool for Diary {
    fn spec(&self) -> ToolSpec {
        spec("diary")
    }

    fn call(&self, input: Value) -> BoxFuture<'static, Result<ToolOutput>> {
        let Self(notes) = self.clone();
        Box::pin(async move {
            for what in ["begin", "end"] {
                notes.lock().unwrap().push(format!("{what} {}", input["n"]));
                tokio::task::yield_now().await;
            }
            Ok(vec![Block::text(input["n"].to_string())])
        })
    }
}

fn three(name: &str) -> Msg {
    calls([0, 1, 2].map(|n| block(&format!("c{n}"), name, json!({"n": n}))))
}

fn outcomes(message: &Msg) -> Vec<(&str, String, bool)> {
    message.tool_results().map(|result| (&*result.id, result.text(), result.is_error)).collect()
}

#[tokio::test]
async fn one_tool_is_called_and_its_result_shown() {
    let (model, asked) = in_order([call("c0", "add", json!({"a": 2, "b": 2.5})), Msg::assistant("4.5")]);
    let mut agent = ReActAgent::new(model).tool::<add>();
    assert_eq!(agent.reply(Msg::user("2 + 2.5?")).await.unwrap().text(), "4.5");
    let requests = asked.requests();
    assert_eq!(roles(&requests[1].messages), [Role::User, Role::Assistant, Role::Tool]);
    assert_eq!(outcomes(&requests[1].messages[2]), [("c0", "4.5".to_owned(), false)]);
}

#[tokio::test]
async fn parallel_calls_are_under_way_together() {
    let (model, asked) = in_order([three("meet"), Msg::assistant("done")]);
    let meet = Meet(Arc::new(Barrier::new(3)));
    let mut agent = ReActAgent::new(model).tool_with(meet).parallel_tool_calls(true);
    // One after the other, the first call would wait for the others for ever.
    let reply = tokio::time::timeout(Duration::from_secs(20), agent.reply(Msg::user("go"))).await;
    assert_eq!(reply.unwrap().unwrap().text(), "done");
    let results = &asked.requests()[1].messages[2];
    assert_eq!(outcomes(results), [0, 1, 2].map(|n| (["c0", "c1", "c2"][n], n.to_string(), false)));
}

#[tokio::test]
async fn calls_run_one_after_the_other_unless_told() {
    for (parallel, wanted) in [
        (false, ["begin 0", "end 0", "begin 1", "end 1", "begin 2", "end 2"]),
        (true, ["begin 0", "begin 1", "begin 2", "end 0", "end 1", "end 2"]),
    ] {
        let (model, _) = in_order([three("diary"), Msg::assistant("done")]);
        let diary = Diary::default();
        let mut agent = ReActAgent::new(model).tool_with(diary.clone()).parallel_tool_calls(parallel);
        agent.reply(Msg::user("go")).await.unwrap();
        assert_eq!(*diary.0.lock().unwrap(), wanted);
    }
}

#[tokio::test]
async fn what_goes_wrong_is_told_and_the_agent_goes_on() {
    let (model, asked) = in_order([
        calls([
            block("c0", "subtract", json!({"a": 1, "b": 2})),
            block("c1", "add", json!("{\"a\": 1,")),
            block("c2", "add", json!({"a": 1})),
            block("c3", "add", json!({"a": 1, "b": 2})),
        ]),
        Msg::assistant("3"),
    ]);
    assert_eq!(ReActAgent::new(model).tool::<add>().reply(Msg::user("?")).await.unwrap().text(), "3");
    let requests = asked.requests();
    let outcomes = outcomes(&requests[1].messages[2]);
    let wanted = [
        ("c0", "no tool is named `subtract`; there are: add", true),
        ("c1", "not valid JSON", true),
        ("c2", "missing field `b`", true),
        ("c3", "3.0", false),
    ];
    for ((id, text, is_error), wanted) in outcomes.iter().zip(wanted) {
        assert!((*id, *is_error) == (wanted.0, wanted.2) && text.contains(wanted.1), "{id}: {text}");
    }
}

#[tokio::test]
async fn a_call_that_the_token_limit_cut_is_not_run() {
    let diary = Diary::default();
    // The second call was cut before its arguments began, which looks like a call without any.
    let cut = calls([block("c0", "diary", json!({"n": 0})), block("c1", "diary", json!({}))]);
    let (model, asked) = scripted(move |turn| match turn {
        0 => ChatResponse { finish: FinishReason::Length, ..ChatResponse::new(cut.clone()) },
        _ => ChatResponse::text("done"),
    });
    ReActAgent::new(model).tool_with(diary.clone()).reply(Msg::user("go")).await.unwrap();
    assert_eq!(*diary.0.lock().unwrap(), ["begin 0", "end 0"]);
    let requests = asked.requests();
    let outcomes = outcomes(&requests[1].messages[2]);
    assert!(outcomes[1].2 && outcomes[1].1.contains("token limit"), "{outcomes:?}");
}

#[tokio::test]
async fn two_tools_of_one_name_are_an_error_of_every_reply() {
    let (model, asked) = in_order([]);
    let mut agent = ReActAgent::new(model).tool::<add>().tool::<add>();
    for _ in 0..2 {
        let error = agent.reply(Msg::user("?")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().matches("main.rs:").count() == 2, "{error}");
    }
    assert_eq!(asked.count(), 0);
}
