//! A model inside this process that says what it is told to: for tests, documentation and examples without network.

mod entry;
mod rule;
mod script;

pub use entry::ScriptedEntry;
#[doc(hidden)]
pub use inventory;
pub use rule::{Failure, Rule, Scope, ScriptedCall};

use std::{
    fmt,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::BoxFuture;

use super::{ChatModel, ChatRequest, ChatResponse, ModelId, ModelSpec, Usage};
use crate::{
    error::{Error, ErrorKind, ModelFailure, Result},
    message::{Block, Msg},
};

/// A reply and how long the model takes to give it.
type Reply = (Result<ChatResponse>, Duration);

/// A deterministic model made of a closure, of replies in order, or of rules.
///
/// Every answer carries a [`Usage`] that counts words instead of tokens, unless the script gives one.
///
/// ```
/// use agentscope_tuner::model::{Model, scripted::Scripted};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let model = Model::new(Scripted::new("echo", |request| {
///     request.messages.last().map(|msg| msg.text().to_uppercase()).unwrap_or_default()
/// }));
/// assert_eq!(model.ask("hello").await?, "HELLO");
/// # Ok::<(), agentscope_tuner::Error>(())
/// # }).unwrap();
/// ```
pub struct Scripted {
    id: ModelId,
    answer: Box<dyn Fn(&ChatRequest) -> Reply + Send + Sync>,
}

impl Scripted {
    /// A model that answers with what `answer` makes of the request.
    pub fn new<R: IntoReply>(
        name: impl Into<String>,
        answer: impl Fn(&ChatRequest) -> R + Send + Sync + 'static,
    ) -> Self {
        Self::timed(name, "", move |request| (answer(request).into_reply(), Duration::ZERO))
    }

    /// A model that gives `replies` one after the other, whatever it is asked, and then fails.
    ///
    /// With calls at the same time it is open which call gets which reply.
    pub fn in_order<R: IntoReply + Clone + Send + Sync + 'static>(
        name: impl Into<String>,
        replies: impl IntoIterator<Item = R>,
    ) -> Self {
        let replies: Vec<R> = replies.into_iter().collect();
        let next = AtomicUsize::new(0);
        Self::new(name, move |_| {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            let all = replies.len();
            let ended = || unscripted(format!("the script has {all} replies, but this is call {}", turn + 1));
            replies.get(turn).cloned().map_or_else(|| Err(ended()), IntoReply::into_reply)
        })
    }

    /// A model whose first rule that fits the conversation gives the answer.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] lists the rules that cannot work.
    pub fn rules(name: impl Into<String>, rules: impl IntoIterator<Item = Rule>) -> Result<Self> {
        Ok(Self::compiled(name, "", rule::compile(rules)?))
    }

    /// A model whose [rules](Rule) stand in a file: `.toml` with `[[rule]]` tables, or `.jsonl` with one a line.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] names the file, the place and the remedy.
    pub fn from_file(name: impl Into<String>, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Ok(Self::compiled(name, &path.display().to_string(), rule::compile(script::read(path)?)?))
    }

    /// The model of a table with `provider = "scripted"`: its `path`, or the [`ScriptedEntry`] of its `name`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is neither.
    pub fn from_spec(spec: &ModelSpec) -> Result<Self> {
        match &spec.path {
            Some(path) => Self::from_file(&*spec.name, path),
            None => entry::build(spec),
        }
    }

    fn compiled(name: impl Into<String>, endpoint: &str, rules: Vec<rule::Compiled>) -> Self {
        Self::timed(name, endpoint, move |request| {
            rules
                .iter()
                .find_map(|rule| rule.answer(request))
                .unwrap_or_else(|| (Err(no_rule(request)), Duration::ZERO))
        })
    }

    fn timed(
        name: impl Into<String>,
        endpoint: &str,
        answer: impl Fn(&ChatRequest) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (provider, endpoint, name) = ("scripted".into(), endpoint.to_owned(), name.into());
        Self { id: ModelId { provider, endpoint, name, key: 0 }, answer: Box::new(answer) }
    }

    /// Makes one up: the answer of the script with the fields that every answer has.
    fn complete(&self, request: &ChatRequest, mut response: ChatResponse) -> ChatResponse {
        response.usage.get_or_insert_with(|| Usage {
            input_tokens: request.messages.iter().map(words).sum(),
            output_tokens: words(&response.message),
            ..Usage::default()
        });
        if response.model.is_empty() {
            response.model.clone_from(&self.id.name);
        }
        response
    }
}

impl ChatModel for Scripted {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        Box::pin(async move {
            let (reply, latency) = (self.answer)(request);
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            reply.map(|response| self.complete(request, response))
        })
    }

    fn takes_seed(&self) -> bool {
        true
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What the closure of a scripted model may return.
pub trait IntoReply {
    /// The answer or the failure.
    fn into_reply(self) -> Result<ChatResponse>;
}

impl IntoReply for ChatResponse {
    fn into_reply(self) -> Result<ChatResponse> {
        Ok(self)
    }
}

impl IntoReply for Msg {
    fn into_reply(self) -> Result<ChatResponse> {
        Ok(ChatResponse::new(self))
    }
}

impl IntoReply for String {
    fn into_reply(self) -> Result<ChatResponse> {
        Ok(ChatResponse::text(self))
    }
}

impl IntoReply for &str {
    fn into_reply(self) -> Result<ChatResponse> {
        Ok(ChatResponse::text(self))
    }
}

impl<R: IntoReply, E: Into<Error>> IntoReply for Result<R, E> {
    fn into_reply(self) -> Result<ChatResponse> {
        self.map_err(Into::into).and_then(IntoReply::into_reply)
    }
}

/// Words of all that a message carries; the arguments and results of tools count as their text does.
fn words(msg: &Msg) -> u64 {
    let count = |text: &str| text.split_whitespace().count() as u64;
    let block = |block: &Block| match block {
        Block::Text { text } => count(text),
        Block::Thinking { thinking, .. } => count(thinking),
        Block::ToolUse(call) => 1 + count(&call.input.to_string()),
        Block::ToolResult(result) => count(&result.text()),
        _ => 0,
    };
    msg.content.iter().map(block).sum()
}

fn unscripted(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Model(ModelFailure::Request), what)
}

fn no_rule(request: &ChatRequest) -> Error {
    let asked: String = rule::last_user(request).chars().take(200).collect();
    unscripted(format!("no rule of the script fits {asked:?}; add one, or a last rule without a condition"))
}

#[cfg(test)]
mod tests;
