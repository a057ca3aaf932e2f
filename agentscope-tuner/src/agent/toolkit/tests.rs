use std::{future, time::Duration};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::*;
use crate::{
    agent::{ToolOutput, parse_arguments, tool_output},
    message::{ToolResult, ToolUse},
};

/// A tool of this name that answers with what a function makes of the arguments.
struct Named<F>(&'static str, F);

impl<F: Fn(Value) -> Result<ToolOutput> + Send + Sync> Tool for Named<F> {
    fn spec(&self) -> ToolSpec {
        ToolSpec { name: self.0.into(), description: "".into(), parameters: json!({"type": "object"}) }
    }

    fn call(&self, input: Value) -> BoxFuture<'static, Result<ToolOutput>> {
        Box::pin(future::ready((self.1)(input)))
    }
}

struct Asleep;

impl Tool for Asleep {
    fn spec(&self) -> ToolSpec {
        ToolSpec { name: "asleep".into(), description: "".into(), parameters: json!({"type": "object"}) }
    }

    fn call(&self, _: Value) -> BoxFuture<'static, Result<ToolOutput>> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            panic!("woken up")
        })
    }
}

fn negate(input: Value) -> Result<ToolOutput> {
    #[derive(serde::Deserialize)]
    struct Arguments {
        number: i64,
    }
    tool_output(-parse_arguments::<Arguments>(&input)?.number)
}

fn toolkit() -> Toolkit {
    let broken =
        Named("broken", |_| Err(Error::new(ErrorKind::Io, "cannot read").with_source("disk on fire")));
    let panics = Named("panics", |input| panic!("did not expect {input}"));
    let echo = Named("echo", tool_output);
    let all = Toolkit::new().tool_with(Named("negate", negate)).unwrap();
    all.tool_with(broken).unwrap().tool_with(panics).unwrap().tool_with(echo).unwrap()
}

async fn call(toolkit: &Toolkit, name: &str, input: Value) -> ToolResult {
    let call = ToolUse { id: "c7".into(), name: name.into(), input };
    let result = toolkit.call(&call).await;
    assert_eq!((&result.id, &result.name), (&call.id, &call.name));
    result
}

async fn fault(name: &str, input: Value) -> String {
    let result = call(&toolkit(), name, input).await;
    assert!(result.is_error, "{result:?}");
    result.text()
}

#[tokio::test]
async fn a_call_that_fits_is_answered() {
    let result = call(&toolkit(), "negate", json!({"number": 4})).await;
    assert_eq!((result.text().as_str(), result.is_error), ("-4", false));
}

#[tokio::test]
async fn an_unknown_tool_is_answered_with_those_there_are() {
    let text = fault("negat", json!({})).await;
    assert_eq!(
        text,
        "no tool is named `negat`; did you mean `negate`? There are: negate, broken, panics, echo"
    );
    let none = call(&Toolkit::new(), "negate", json!({})).await;
    assert_eq!(none.text(), "no tool is named `negate`; there are none");
}

#[tokio::test]
async fn wrong_arguments_are_named() {
    let text = fault("negate", json!({"number": "four"})).await;
    assert!(text.contains("`number`") && text.contains("expected i64"), "{text}");
    let text = fault("negate", json!("{\"number\": 4")).await;
    assert!(text.contains("not valid JSON (EOF while parsing an object at line 1 column 12)"), "{text}");
    let text = fault("negate", json!("\"{}\"")).await;
    assert!(text.starts_with("the arguments are a JSON string; write one JSON object"), "{text}");
    assert!(fault("negate", json!([4])).await.starts_with("the arguments are a list;"));
    assert!(fault("negate", json!(4)).await.starts_with("the arguments are only `4`;"));
}

#[tokio::test]
async fn no_arguments_are_an_empty_object() {
    for input in [Value::Null, json!(""), json!(" \n"), json!({})] {
        assert_eq!(call(&toolkit(), "echo", input).await.text(), "{}");
    }
}

#[tokio::test]
async fn errors_and_panics_are_told() {
    assert_eq!(fault("broken", json!({})).await, "cannot read: disk on fire");
    assert_eq!(fault("panics", json!({"a": 1})).await, "the tool panicked: did not expect {\"a\":1}");
}

#[tokio::test(start_paused = true)]
async fn a_call_over_its_time_is_stopped() {
    let limited = Toolkit::new().time_limit(Duration::from_secs(2)).tool_with(Asleep).unwrap();
    let late = call(&limited, "asleep", json!({})).await;
    assert_eq!((late.text().as_str(), late.is_error), ("gave no answer within 2s and was stopped", true));
    let unlimited = Toolkit::new().tool_with(Asleep).unwrap();
    assert_eq!(call(&unlimited, "asleep", json!({})).await.text(), "the tool panicked: woken up");
}

#[test]
fn two_tools_of_one_name_are_both_named() {
    struct Other;
    impl Tool for Other {
        fn spec(&self) -> ToolSpec {
            Asleep.spec()
        }
        fn call(&self, input: Value) -> BoxFuture<'static, Result<ToolOutput>> {
            Asleep.call(input)
        }
    }
    let error = Toolkit::new().tool_with(Asleep).unwrap().tool_with(Other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let text = error.to_string();
    for part in ["two tools are named `asleep`", "::Asleep`", "::Other`", "rename"] {
        assert!(text.contains(part), "{text} lacks {part}");
    }
}

#[test]
fn a_name_that_models_do_not_take_is_refused() {
    for name in ["", "grüße", "two words", "x".repeat(65).leak()] {
        let error = Toolkit::new().tool_with(Named(name, negate)).unwrap_err();
        assert!(error.to_string().contains("1 to 64"), "{error}");
    }
}

#[test]
fn specs_keep_the_order_of_the_tools() {
    let toolkit = toolkit();
    let names: Vec<_> = toolkit.specs().iter().map(|spec| &*spec.name).collect();
    assert_eq!(names, ["negate", "broken", "panics", "echo"]);
}
