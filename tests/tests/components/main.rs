//! What annotated functions do: as plain Rust, and as the tuner runs them.

mod judge;
mod registry;
mod tool;
mod workflow;

use agentscope_tuner::{
    Result,
    message::Msg,
    model::{ChatModel, ChatRequest, ChatResponse, Model, ModelId},
};
use futures_util::future::BoxFuture;

/// A model that answers with the last word of the question.
struct Echo(ModelId);

fn echo() -> Model {
    let [provider, endpoint, name] = ["scripted", "", "echo"].map(str::to_owned);
    Model::new(Echo(ModelId { provider, endpoint, name, key: 0 }))
}

impl ChatModel for Echo {
    fn id(&self) -> &ModelId {
        &self.0
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        let question = request.messages.last().map(Msg::text).unwrap_or_default();
        let last = question.split_whitespace().last().unwrap_or_default().to_owned();
        Box::pin(async move { Ok(ChatResponse::text(last)) })
    }
}
