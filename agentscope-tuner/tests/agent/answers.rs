//! Replies without tools: system prompt, memory, settings, errors.

use agentscope_tuner::{
    ErrorKind, Result,
    agent::{Memory, ReActAgent},
    error::ModelFailure,
    message::{Block, Msg, Role},
    model::Sampling,
    workflow::Prompt,
};
use serde_json::json;

use crate::{add, call, in_order, roles, scripted};

#[tokio::test]
async fn an_agent_works_in_one_expression() {
    let (model, asked) = in_order([Msg::assistant("4")]);
    let system = Prompt::from("You are a helpful math assistant.");
    let reply = ReActAgent::new(model).system(system).tool::<add>().reply(Msg::user("2 + 2?")).await;
    assert_eq!(reply.unwrap(), Msg::assistant("4"));
    let requests = asked.requests();
    let wanted = [Msg::system("You are a helpful math assistant."), Msg::user("2 + 2?")];
    assert_eq!((requests.len(), &*requests[0].messages), (1, &wanted[..]));
    assert_eq!(requests[0].tools[0].name, "add");
    assert_eq!(requests[0].tools[0].parameters["required"], json!(["a", "b"]));
}

#[tokio::test]
async fn the_memory_lasts_and_the_system_prompt_comes_first_and_once() {
    let (model, asked) = in_order([
        Msg::assistant("Hello, Ada."),
        call("c0", "add", json!({"a": 1, "b": 2})),
        Msg::assistant("3, Ada."),
    ]);
    let mut agent = ReActAgent::new(model).system("Be polite.").tool::<add>();
    agent.reply(Msg::user("I am Ada.")).await.unwrap();
    agent.reply(Msg::user("1 + 2?")).await.unwrap();
    for request in asked.requests().iter() {
        let system: Vec<_> = roles(&request.messages).iter().map(|role| *role == Role::System).collect();
        assert!(system[0] && !system[1..].contains(&true), "{system:?}");
    }
    assert_eq!(asked.requests()[1].messages[1..4], agent.messages()[..3]);
    use Role::{Assistant, Tool, User};
    assert_eq!(roles(agent.messages()), [User, Assistant, User, Assistant, Tool, Assistant]);
    agent.memory_mut().clear();
    assert!(agent.messages().is_empty());
}

#[tokio::test]
async fn a_memory_can_be_given() {
    let (model, asked) = in_order([Msg::assistant("Ada.")]);
    let earlier = vec![Msg::user("I am Ada."), Msg::assistant("Hello.")];
    let mut agent = ReActAgent::new(model).memory(Memory::from(earlier));
    agent.reply(Msg::user("Who am I?")).await.unwrap();
    assert_eq!(roles(&asked.requests()[0].messages), [Role::User, Role::Assistant, Role::User]);
    assert_eq!(agent.messages().len(), 4);
}

#[tokio::test]
async fn a_blank_system_prompt_is_not_sent() {
    let (model, asked) = in_order([Msg::assistant("hi")]);
    ReActAgent::new(model).system(" \n").reply(Msg::user("hi")).await.unwrap();
    assert_eq!(roles(&asked.requests()[0].messages), [Role::User]);
}

#[tokio::test]
async fn the_slots_settings_reach_every_call() {
    let (model, asked) = in_order([call("c0", "add", json!({"a": 1, "b": 2})), Msg::assistant("3")]);
    let model = model.with_sampling(Sampling { temperature: Some(0.3), ..Sampling::default() });
    ReActAgent::new(model).tool::<add>().reply(Msg::user("1 + 2?")).await.unwrap();
    assert!(asked.requests().iter().all(|request| request.sampling.temperature == Some(0.3)));
}

#[tokio::test]
async fn thinking_stays_in_the_conversation() {
    let mut thought = call("c0", "add", json!({"a": 1, "b": 2}));
    thought.content.insert(0, Block::Thinking { thinking: "carry".into(), signature: Some("s".into()) });
    thought.content.insert(1, Block::text("Let me add."));
    let (model, asked) = in_order([thought.clone(), Msg::assistant("3")]);
    let mut agent = ReActAgent::new(model).tool::<add>();
    assert_eq!(agent.reply(Msg::user("1 + 2?")).await.unwrap().text(), "3");
    assert_eq!(asked.requests()[1].messages[1], thought);
    assert_eq!(agent.messages()[1], thought);
}

#[tokio::test]
async fn a_models_failure_is_handed_on_and_the_reply_forgotten() {
    let failure = || agentscope_tuner::Error::new(ErrorKind::Model(ModelFailure::RateLimited), "slow down");
    let (model, asked) = scripted(move |turn| match turn {
        0 => Ok(Msg::assistant("Hello.")),
        1 => Ok(call("c0", "add", json!({"a": 1, "b": 2}))),
        2 => Err(failure()),
        _ => Ok(Msg::assistant("3")),
    });
    let mut agent = ReActAgent::new(model).system("Be polite.").tool::<add>();
    agent.reply(Msg::user("Hi.")).await.unwrap();
    let before = agent.messages().to_vec();
    let result: Result<Msg> = agent.reply(Msg::user("1 + 2?")).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model(ModelFailure::RateLimited));
    assert_eq!(error.to_string(), "slow down");
    assert_eq!(agent.messages(), before);
    assert_eq!(agent.reply(Msg::user("1 + 2?")).await.unwrap().text(), "3");
    assert_eq!(asked.requests()[3].messages.len(), 4);
}

#[tokio::test]
async fn a_reply_given_up_half_way_leaves_the_memory_whole() {
    let (model, _) = in_order([Msg::assistant("Hello."), call("c0", "never", json!({}))]);
    let mut agent = ReActAgent::new(model).system("Be polite.").tool_with(crate::tools::Never);
    agent.reply(Msg::user("Hi.")).await.unwrap();
    let before = agent.messages().to_vec();
    let reply = agent.reply(Msg::user("Wait."));
    assert!(futures_util::FutureExt::now_or_never(reply).is_none());
    assert_eq!(agent.messages(), before);
}
