//! The end of an agent's turns.

use agentscope_tuner::{
    agent::ReActAgent,
    message::{Block, Msg, Role},
    model::ToolChoice,
};
use serde_json::json;

use crate::{add, block, call, calls, roles, scripted};

#[tokio::test]
async fn after_its_turns_the_agent_answers_without_tools() {
    let (model, asked) = scripted(|turn| match turn {
        3 => Msg::assistant("about 3"),
        _ => call(&format!("c{turn}"), "add", json!({"a": 1, "b": 2})),
    });
    let mut agent = ReActAgent::new(model).tool::<add>().max_iters(3);
    assert_eq!(agent.reply(Msg::user("1 + 2?")).await.unwrap().text(), "about 3");
    let requests = asked.requests();
    let choices: Vec<_> = requests.iter().map(|request| &request.tool_choice).collect();
    assert_eq!(choices, [&ToolChoice::Auto, &ToolChoice::Auto, &ToolChoice::Auto, &ToolChoice::None]);
    assert_eq!(requests[3].messages.last().unwrap().role, Role::User);
}

#[tokio::test]
async fn ten_turns_are_the_default_and_none_answers_at_once() {
    for (max_iters, wanted) in [(None, 11), (Some(0), 1)] {
        let (model, asked) = scripted(|turn| call(&format!("c{turn}"), "add", json!({"a": 1, "b": 2})));
        let agent = ReActAgent::new(model).tool::<add>();
        let mut agent = match max_iters {
            Some(turns) => agent.max_iters(turns),
            None => agent,
        };
        agent.reply(Msg::user("1 + 2?")).await.unwrap();
        assert_eq!(asked.count(), wanted);
    }
}

#[tokio::test]
async fn calls_in_the_last_answer_are_dropped() {
    let (model, _) =
        scripted(|_| calls([Block::text("Perhaps 3."), block("c", "add", json!({"a": 1, "b": 2}))]));
    let mut agent = ReActAgent::new(model).tool::<add>().max_iters(0);
    assert_eq!(agent.reply(Msg::user("1 + 2?")).await.unwrap(), Msg::assistant("Perhaps 3."));
    assert_eq!(roles(agent.messages()), [Role::User, Role::User, Role::Assistant]);
}
