//! `async-openai`, as published.

use agentscope_tuner::{
    judge::Judge,
    message::{Msg, ToolResult},
    model::{ChatRequest, ToolSpec},
    prelude::*,
    workflow::Workflow,
};
use async_openai::{
    Client,
    config::OpenAIConfig,
    types::chat::{
        ChatCompletionMessageToolCalls, ChatCompletionRequestAssistantMessageArgs,
        ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage,
        ChatCompletionRequestToolMessageArgs, ChatCompletionRequestUserMessage, ChatCompletionTool,
        ChatCompletionTools, CreateChatCompletionRequest, CreateChatCompletionRequestArgs, FunctionObject,
    },
};
use futures_util::{StreamExt as _, future::try_join_all};
use serde_json::Value;

use crate::world::{Sum, add_schema, calls, evaluate, exact, records};

pub(crate) const SYSTEM: &str = "Use the tool.";

fn client(model: &ModelEndpoint) -> Client<OpenAIConfig> {
    let config = OpenAIConfig::new().with_api_base(model.base_url()).with_api_key(model.api_key());
    Client::with_config(config)
}

fn request(
    model: &ModelEndpoint,
    messages: Vec<ChatCompletionRequestMessage>,
) -> CreateChatCompletionRequest {
    CreateChatCompletionRequestArgs::default().model(model.model()).messages(messages).build().unwrap()
}

fn sum(arguments: &Value) -> String {
    (arguments["a"].as_i64().unwrap() + arguments["b"].as_i64().unwrap()).to_string()
}

/// Calls a tool.
#[workflow]
async fn foreign(task: Sum, model: ModelEndpoint) -> Result<String> {
    let client = client(&model);
    let function = FunctionObject {
        name: "add".into(),
        description: Some("Adds.".into()),
        parameters: Some(add_schema()),
        strict: None,
    };
    let mut conversation: Vec<ChatCompletionRequestMessage> = vec![
        ChatCompletionRequestSystemMessage::from(SYSTEM).into(),
        ChatCompletionRequestUserMessage::from(task.question).into(),
    ];
    let mut first = request(&model, conversation.clone());
    first.tools = Some(vec![ChatCompletionTools::Function(ChatCompletionTool { function })]);
    let tools = first.tools.clone();
    let answer = client.chat().create(first).await.map_err(Error::other)?;
    let calls = answer.choices[0].message.tool_calls.clone().unwrap();
    let ChatCompletionMessageToolCalls::Function(call) = &calls[0] else { panic!("no function") };
    let result = sum(&serde_json::from_str(&call.function.arguments).unwrap());
    let said =
        ChatCompletionRequestAssistantMessageArgs::default().tool_calls(calls.clone()).build().unwrap();
    conversation.push(said.into());
    let mut told = ChatCompletionRequestToolMessageArgs::default();
    conversation.push(told.tool_call_id(&*call.id).content(result).build().unwrap().into());
    let mut second = request(&model, conversation);
    second.tools = tools;
    let answer = client.chat().create(second).await.map_err(Error::other)?;
    Ok(answer.choices[0].message.content.clone().unwrap())
}

/// The same conversation, word for word.
#[workflow]
pub(crate) async fn native(task: Sum, model: Model) -> Result<String> {
    let tool = ToolSpec { name: "add".into(), description: "Adds.".into(), parameters: add_schema() };
    let mut request = ChatRequest::new([Msg::system(SYSTEM), Msg::user(task.question)]).tools([tool]);
    let answer = model.chat(&request).await?.message;
    let call = answer.tool_uses().next().unwrap().clone();
    request.messages.extend([answer, Msg::tool([ToolResult::ok(&call, sum(&call.input))])]);
    Ok(model.chat(&request).await?.message.text())
}

/// Runs `W`, and expects what [`native`] leaves in the store.
pub(crate) async fn is_kept_as_native<W>()
where
    W: Workflow<Task = Sum, Response = String>,
    exact: Judge<Task = Sum, Response = String>,
{
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let outcome = evaluate::<W>(one.path()).await;
    evaluate::<native>(other.path()).await;
    assert_eq!(outcome.candidates[0].reward.unwrap().mean, 0.75);
    // Requests, answers and their keys in the cache.
    assert_eq!(calls(one.path()), calls(other.path()));
    assert_eq!(calls(one.path()).len(), 8);
    for (foreign, native) in records(one.path()).iter().zip(records(other.path())) {
        assert_eq!((&foreign.spent, foreign.calls.len()), (&native.spent, 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_with_tools_is_kept_as_through_the_model() {
    is_kept_as_native::<foreign>().await;
}

/// Streams, several at once.
#[workflow]
async fn streams(task: Sum, model: ModelEndpoint) -> Result<String> {
    let client = client(&model);
    let ask = |number: usize| {
        let (client, model) = (client.clone(), model.clone());
        let question = format!("{} ({number})", task.question);
        async move {
            let messages = vec![ChatCompletionRequestUserMessage::from(question.as_str()).into()];
            let stream = client.chat().create_stream(request(&model, messages)).await;
            let mut stream = stream.map_err(Error::other)?;
            let mut text = String::new();
            while let Some(chunk) = stream.next().await {
                let chunk = chunk.map_err(Error::other)?;
                text.extend(chunk.choices.iter().filter_map(|choice| choice.delta.content.as_deref()));
            }
            Ok::<_, Error>(text)
        }
    };
    let answers = try_join_all((0..5).map(ask)).await?;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    Ok(answers[0].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn five_streams_at_once_are_five_calls() {
    let runs = tempfile::tempdir().unwrap();
    let outcome = evaluate::<streams>(runs.path()).await;
    assert_eq!(outcome.candidates[0].reward.unwrap().mean, 0.75);
    assert_eq!(calls(runs.path()).len(), 20);
    assert!(records(runs.path()).iter().all(|record| record.spent.calls == 5 && record.calls.len() == 5));
}
