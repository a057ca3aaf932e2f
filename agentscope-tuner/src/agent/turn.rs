//! One turn of an agent: ask, then run the tools that the answer calls.

use futures_util::future;
use serde_json::Value;

use super::{Toolkit, conversation::Conversation};
use crate::{
    error::Result,
    message::{Block, Msg, ToolResult, ToolUse},
    model::{ChatRequest, ChatResponse, FinishReason, Model, ToolChoice},
};

/// What asks and what runs the tools.
#[derive(Clone, Copy)]
pub(super) struct Turns<'a> {
    pub(super) model: &'a Model,
    pub(super) toolkit: &'a Toolkit,
    pub(super) parallel: bool,
}

impl Turns<'_> {
    /// A request for these tools, without messages yet.
    pub(super) fn request(&self) -> ChatRequest {
        // Filled in here, the settings of the slot need no copy of the request at each call.
        let sampling = self.model.sampling().clone();
        ChatRequest { tools: self.toolkit.specs().to_vec(), sampling, ..ChatRequest::default() }
    }

    /// Asks the model. The tools that it calls are run, and both the calls and their results are added to the
    /// conversation; an answer that calls none is handed back instead.
    pub(super) async fn next(&self, conversation: &mut Conversation<'_>) -> Result<Option<Msg>> {
        let response = self.model.chat(&conversation.request).await?;
        if response.message.tool_uses().next().is_none() {
            return Ok(Some(response.message));
        }
        // Boxed, so that answers that call nothing need no room for it.
        let results = Box::pin(self.results(&response)).await;
        conversation.push(response.message);
        conversation.push(Msg::tool(results));
        Ok(None)
    }

    /// Asks the model for an answer without tools.
    pub(super) async fn last(&self, conversation: &mut Conversation<'_>) -> Result<Msg> {
        conversation.request.tool_choice = ToolChoice::None;
        let mut answer = self.model.chat(&conversation.request).await?.message;
        // Some models call all the same. A call without a result would make the next request invalid.
        answer.content.retain(|block| !matches!(block, Block::ToolUse(_)));
        Ok(answer)
    }

    /// The results of all calls of an answer, in the order of the calls.
    async fn results(&self, response: &ChatResponse) -> Vec<ToolResult> {
        let cut = cut_call(response);
        let calls = response.message.tool_uses().map(|call| async move {
            if cut.is_some_and(|cut| std::ptr::eq(cut, call)) {
                cut_off(call)
            } else {
                self.toolkit.call(call).await
            }
        });
        if self.parallel {
            return future::join_all(calls).await;
        }
        let mut results = Vec::new();
        for call in calls {
            results.push(call.await);
        }
        results
    }
}

/// The call whose arguments the token limit cut, or may have cut before they began.
fn cut_call(response: &ChatResponse) -> Option<&ToolUse> {
    let Some(Block::ToolUse(last)) = response.message.content.last() else { return None };
    let whole = matches!(&last.input, Value::Object(fields) if !fields.is_empty());
    (response.finish == FinishReason::Length && !whole).then_some(last)
}

fn cut_off(call: &ToolUse) -> ToolResult {
    tracing::warn!(tool = call.name, "the token limit cut a tool call; raise `max_tokens`");
    let text = "not called: the answer reached its token limit before the arguments were complete; call again with \
                shorter arguments and less text before them";
    ToolResult::error(call, text)
}
