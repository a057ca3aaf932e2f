//! The agent that reasons and acts in turn.

use std::{pin::pin, sync::Arc};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use tracing::{Span, field};

use super::{
    FunctionTool, Memory, Tool, Toolkit,
    conversation::Conversation,
    finish::{FINISH, Finish},
    toolkit::Origin,
    turn::Turns,
};
use crate::{
    error::{Error, ErrorKind, Limit, Result},
    message::Msg,
    model::{Model, ToolChoice, endpoint::inside},
};

/// Asked for when the agent used all its turns without an answer.
const SUM_UP: &str = "There are no turns left, and tools can no longer be called. Answer now, as well as what is \
                      known so far allows.";

/// Asked for when the model answers in words where a structured answer is wanted.
const USE_FINISH: &str = "Give this answer by calling the tool `finish`.";

/// An agent that asks its model, runs the tools that the model calls, and goes on until it answers (ReAct,
/// arXiv 2210.03629, by the tool calls of chat models).
///
/// Everything that goes wrong with a tool is told to the model, which may try again. Every failure of the model ends
/// the reply and is handed on as it is; the memory is then as it was before.
///
/// The [module's page](super) has an example.
#[derive(Debug)]
pub struct ReActAgent {
    model: Model,
    system: String,
    /// Or the first fault in building it, which the next reply reports.
    toolkit: Result<Toolkit>,
    memory: Memory,
    max_iters: usize,
    parallel: bool,
}

impl ReActAgent {
    /// An agent without tools, system prompt and memories.
    pub fn new(model: impl Into<Model>) -> Self {
        Self {
            model: model.into(),
            system: String::new(),
            toolkit: Ok(Toolkit::new()),
            memory: Memory::new(),
            max_iters: 10,
            parallel: false,
        }
    }

    /// Sets the system prompt. A blank one is not sent.
    #[must_use]
    pub fn system(mut self, prompt: impl Into<String>) -> Self {
        self.system = prompt.into();
        self
    }

    /// Adds a function under [`#[tool]`](crate::tool), as in `.tool::<add>()`.
    ///
    /// A name that another tool has makes every reply an error.
    #[must_use]
    pub fn tool<T: FunctionTool>(mut self) -> Self {
        self.toolkit = self.toolkit.and_then(Toolkit::tool::<T>);
        self
    }

    /// Adds a tool that is a value.
    ///
    /// A name that another tool has makes every reply an error.
    #[must_use]
    pub fn tool_with(mut self, tool: impl Tool + 'static) -> Self {
        self.toolkit = self.toolkit.and_then(|toolkit| toolkit.tool_with(tool));
        self
    }

    /// Sets the tools, in place of those so far.
    #[must_use]
    pub fn toolkit(mut self, toolkit: Toolkit) -> Self {
        self.toolkit = Ok(toolkit);
        self
    }

    /// Sets how often the model is asked before it has to answer without tools: 10 by default, 0 for at once.
    #[must_use]
    pub fn max_iters(mut self, turns: usize) -> Self {
        self.max_iters = turns;
        self
    }

    /// Sets whether the calls of one answer run at the same time, or one after the other as by default.
    #[must_use]
    pub fn parallel_tool_calls(mut self, parallel: bool) -> Self {
        self.parallel = parallel;
        self
    }

    /// Sets what was said before.
    #[must_use]
    pub fn memory(mut self, memory: impl Into<Memory>) -> Self {
        self.memory = memory.into();
        self
    }

    /// What was said so far, without the system prompt.
    pub fn messages(&self) -> &[Msg] {
        self.memory.messages()
    }

    /// The memory, to add to it or to clear it between replies.
    pub fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// Answers `message`.
    ///
    /// An agent that used all its [turns](Self::max_iters) is asked once more, without tools, to answer from what it
    /// knows.
    ///
    /// # Errors
    /// As [`Model::chat`]; [`ErrorKind::Usage`] when the tools do not go together.
    pub async fn reply(&mut self, message: Msg) -> Result<Msg> {
        let span = self.span();
        failing(&span, inside(&span, pin!(self.answer(message))).await)
    }

    /// Answers `message` with a value of `T`.
    ///
    /// The model gives it as the arguments of a further tool, `finish`, whose schema is that of `T`. Arguments that do
    /// not fit are returned to it to try again. It must call `finish` once it answers in words, and in the one turn
    /// that follows [the last](Self::max_iters).
    ///
    /// # Errors
    /// As [`reply`](Self::reply); [`ErrorKind::Limit`] with [`Limit::Turns`] when no turn brought an answer that fits.
    pub async fn reply_as<T>(&mut self, message: Msg) -> Result<T>
    where
        T: JsonSchema + DeserializeOwned + Send + 'static,
    {
        let span = self.span();
        failing(&span, inside(&span, pin!(self.structured(message))).await)
    }

    async fn answer(&mut self, message: Msg) -> Result<Msg> {
        let toolkit = sound(&self.toolkit)?;
        let turns = Turns { model: &self.model, toolkit, parallel: self.parallel };
        let mut conversation = Conversation::open(&mut self.memory, &self.system, turns.request());
        conversation.push(message);
        for _ in 0..self.max_iters {
            if let Some(answer) = turns.next(&mut conversation).await? {
                return Ok(conversation.close_with(answer));
            }
        }
        conversation.push(Msg::user(SUM_UP));
        let answer = turns.last(&mut conversation).await?;
        Ok(conversation.close_with(answer))
    }

    async fn structured<T>(&mut self, message: Msg) -> Result<T>
    where
        T: JsonSchema + DeserializeOwned + Send + 'static,
    {
        let finish = Arc::new(Finish::<T>::new());
        let tool = Arc::clone(&finish) as Arc<dyn Tool>;
        let toolkit = sound(&self.toolkit)?.clone().held(tool, Origin::Agent)?;
        let turns = Turns { model: &self.model, toolkit: &toolkit, parallel: self.parallel };
        let mut conversation = Conversation::open(&mut self.memory, &self.system, turns.request());
        conversation.push(message);
        for turn in 0..=self.max_iters {
            if turn == self.max_iters {
                conversation.request.tool_choice = ToolChoice::Tool(FINISH.into());
            }
            if let Some(words) = turns.next(&mut conversation).await? {
                conversation.push(words);
                conversation.push(Msg::user(USE_FINISH));
                conversation.request.tool_choice = ToolChoice::Tool(FINISH.into());
            }
            if let Some(answer) = finish.take() {
                conversation.close();
                return Ok(answer);
            }
        }
        Err(unfinished(&conversation, self.max_iters + 1))
    }

    fn span(&self) -> Span {
        let id = self.model.id();
        tracing::info_span!(
            "invoke_agent",
            "otel.status_code" = field::Empty,
            "gen_ai.operation.name" = "invoke_agent",
            "gen_ai.provider.name" = id.convention(),
            "gen_ai.request.model" = id.name,
            "error.type" = field::Empty,
        )
    }
}

/// The tools, or the fault in putting them together.
fn sound(toolkit: &Result<Toolkit>) -> Result<&Toolkit> {
    toolkit.as_ref().map_err(|fault| Error::new(fault.kind(), fault.to_string()))
}

fn failing<T>(span: &Span, result: Result<T>) -> Result<T> {
    result.inspect_err(|error| {
        span.record("error.type", field::debug(error.kind()));
        span.record("otel.status_code", "ERROR");
    })
}

fn unfinished(conversation: &Conversation<'_>, turns: usize) -> Error {
    let mut results = conversation.said().iter().rev().flat_map(Msg::tool_results);
    let why = match results.find(|result| result.name == FINISH) {
        Some(wrong) => format!("the last: {}", wrong.text()),
        None => format!("`{FINISH}` was never called"),
    };
    let message = format!(
        "no structured answer in {turns} turns ({why}); raise `max_iters`, make the type simpler or the prompt clearer"
    );
    Error::new(ErrorKind::Limit(Limit::Turns), message)
}
