//! Whatever the model calls, each call is answered at once and in order.

use agentscope_tuner::{
    agent::ReActAgent,
    message::{Block, Msg, Role, ToolResult, ToolUse},
    tool,
};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use crate::{add, block, calls, scripted};

/// Fails as it is told to.
#[tool]
async fn fail(badly: bool) -> Result<(), &'static str> {
    if badly { panic!("as told") } else { Err("as told") }
}

/// A call that succeeds, or fails in one of the ways there are.
fn any_call() -> impl Strategy<Value = (&'static str, Value)> {
    prop::sample::select(vec![
        ("add", json!({"a": 1, "b": 2})),
        ("add", json!({"a": 1})),
        ("add", json!("{\"a\":")),
        ("fail", json!({"badly": false})),
        ("fail", json!({"badly": true})),
        ("unknown", json!({})),
        ("", Value::Null),
    ])
}

fn answer(turn: usize, wanted: &[(&str, Value)], text: bool) -> Msg {
    let mut blocks: Vec<_> = text.then(|| Block::text("Let me see.")).into_iter().collect();
    let call =
        |(n, (name, input)): (usize, &(&str, Value))| block(&format!("{turn}-{n}"), name, input.clone());
    blocks.extend(wanted.iter().enumerate().map(call));
    calls(blocks)
}

fn check(messages: &[Msg]) {
    assert_eq!((messages[0].role, messages.last().unwrap().role), (Role::User, Role::Assistant));
    for pair in messages.windows(2) {
        let asked: Vec<_> = pair[0].tool_uses().map(|ToolUse { id, name, .. }| (id, name)).collect();
        let answered: Vec<_> = pair[1].tool_results().map(|ToolResult { id, name, .. }| (id, name)).collect();
        assert_eq!(asked, answered);
        assert_eq!(pair[1].role == Role::Tool, !asked.is_empty());
    }
    assert_eq!(messages.last().unwrap().tool_uses().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_call_is_answered_next(
        turns in vec((vec(any_call(), 0..4), any::<bool>()), 1..6),
        max_iters in 0_usize..5,
        parallel: bool,
    ) {
        let (model, asked) = scripted(move |turn| {
            let (wanted, text) = &turns[turn % turns.len()];
            answer(turn, wanted, *text)
        });
        let agent = ReActAgent::new(model).system("s").tool::<add>().tool::<fail>();
        let mut agent = agent.max_iters(max_iters).parallel_tool_calls(parallel);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for question in ["one", "two"] {
            let reply = runtime.block_on(agent.reply(Msg::user(question))).unwrap();
            prop_assert_eq!(Some(&reply), agent.messages().last());
        }
        check(agent.messages());
        for request in asked.requests().iter() {
            prop_assert!(agent.messages().starts_with(&request.messages[1..]));
        }
        prop_assert!(asked.count() <= 2 * (max_iters + 1));
    }
}
