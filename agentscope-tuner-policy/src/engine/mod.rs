//! The decode engine: continues many sequences at once, a token each step.
//!
//! Requests arrive from any number of tasks; a thread of its own batches them. Keys and values are kept in blocks that
//! sequences with a common beginning share: the samples of one prompt, the turns of one conversation. Every token's
//! logits depend on its own context alone, to the last bit: what else is in the batch, how a prompt was cut into steps,
//! what was found in the cache and how many threads there are makes no difference. So the same request with the same
//! seed gives the same completion, always.

mod blocks;
mod forward;
mod request;
mod sampler;
mod scheduler;
mod sequence;
mod settings;
#[cfg(test)]
mod tests;
mod ticket;
mod weights;
mod worker;

use std::thread::JoinHandle;

use dfdx::tensor::Cpu;
use tokio::sync::{mpsc, oneshot};

pub use self::{
    request::{Completion, Event, Finish, Guide, Request, Sampling, Token, TopLogProb},
    scheduler::Counters,
    settings::EngineSettings,
    ticket::Ticket,
};
use self::{sequence::Sequence, worker::Command};
use crate::{
    config::PolicyConfig,
    error::{Error, ErrorKind, Result},
    params::Params,
};

/// A running engine. Dropping it ends its thread; sequences under way fail.
#[derive(Debug)]
pub struct Engine {
    commands: Option<mpsc::UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
    vocabulary: usize,
    context: usize,
}

impl Engine {
    /// Packs `params` and starts the engine's thread.
    ///
    /// # Errors
    /// Names the setting that is out of its range, or that the system granted no thread.
    pub fn new(config: &PolicyConfig, params: &Params<Cpu>, settings: &EngineSettings) -> Result<Self> {
        let plan = settings.resolve(config)?;
        let weights = weights::Weights::new(params);
        let (commands, inbox) = mpsc::unbounded_channel();
        let shape = config.clone();
        let thread = std::thread::Builder::new()
            .name("decode".into())
            .spawn(move || worker::run(shape, weights, plan, inbox))
            .map_err(|error| {
                Error::new(ErrorKind::Io, "the system granted no thread to the engine").with_source(error)
            })?;
        Ok(Self {
            commands: Some(commands),
            thread: Some(thread),
            vocabulary: config.vocab_size,
            context: plan.capacity.context,
        })
    }

    /// The longest sequence, prompt and completion together, in tokens.
    pub fn context(&self) -> usize {
        self.context
    }

    /// Hands in a request. Dropping the ticket ends the sequence.
    ///
    /// # Errors
    /// When the prompt is empty, does not fit the context or holds a token beyond the vocabulary, or a sampling
    /// setting is out of its range.
    pub fn submit(&self, request: Request) -> Result<Ticket> {
        self.check(&request)?;
        let (events, ticket) = mpsc::unbounded_channel();
        let sequence = Sequence::new(request, events, self.context, self.vocabulary);
        self.send(Command::Continue(Box::new(sequence)))?;
        Ok(Ticket::new(ticket))
    }

    /// Takes the numbers of `params`, which has the shape of the first, between two steps, and gives the version that
    /// later tokens carry. Sequences under way go on with the keys and values they have.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn update(&self, params: &Params<Cpu>) -> Result<u64> {
        let (done, version) = oneshot::channel();
        self.send(Command::Update(Box::new(params.clone()), done))?;
        version.await.map_err(|_| stopped())
    }

    /// What the engine has done so far.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn counters(&self) -> Result<Counters> {
        let (done, counters) = oneshot::channel();
        self.send(Command::Count(done))?;
        counters.await.map_err(|_| stopped())
    }

    fn check(&self, request: &Request) -> Result<()> {
        request.sampling.check()?;
        let fault = |message: String| Err(Error::new(ErrorKind::Request, message));
        let length = request.prompt.len();
        if length == 0 {
            return fault("the prompt is empty: give at least one token, such as the BOS token".into());
        }
        if length >= self.context {
            return fault(format!(
                "the prompt has {length} tokens, but the context holds {} and a completion needs one at least: \
                 shorten the prompt, or raise the engine's context",
                self.context
            ));
        }
        if request.max_tokens == 0 {
            return fault("max_tokens must be at least 1".into());
        }
        match request.prompt.iter().find(|token| **token as usize >= self.vocabulary) {
            Some(token) => fault(format!(
                "the prompt holds token {token}, but the vocabulary ends at {}: is this the model's own tokenizer?",
                self.vocabulary - 1
            )),
            None => Ok(()),
        }
    }

    fn send(&self, command: Command) -> Result<()> {
        self.commands.as_ref().and_then(|commands| commands.send(command).ok()).ok_or_else(stopped)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has already failed its sequences.
            let _ = thread.join();
        }
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Device, "the decode engine has stopped; start it anew")
}
