//! The decode engine: continues many sequences at once, a token each step.
//!
//! Requests arrive from any number of tasks; a thread of its own batches them. Keys and values are kept in blocks that
//! sequences with a common beginning share: the samples of one prompt, the turns of one conversation. Every token's
//! logits depend on its own context alone, to the last bit: what else is in the batch, how a prompt was cut into steps,
//! what was found in the cache and how many threads there are makes no difference. So the same request with the same
//! seed gives the same completion, always: on the CPU. On a card that holds but for rounding.
//!
//! ```text
//! Engine ─ worker (a thread) ─ scheduler: blocks, sequences, sampler ─ Model ─┬─ cpu
//!                                                                             └─ card: kernels/cuda
//! ```

mod angles;
mod blocks;
#[cfg(any(feature = "cuda", test))]
mod card;
mod cpu;
mod model;
mod request;
mod sampler;
mod scheduler;
mod sequence;
mod settings;
#[cfg(test)]
mod tests;
mod ticket;
mod worker;

use std::{sync::Arc, thread::JoinHandle};

use dfdx::tensor::Cpu;
use tokio::sync::{mpsc, oneshot};

#[cfg(any(feature = "cuda", test))]
use self::card::CardModel;
use self::{
    cpu::{CpuModel, Weights},
    scheduler::Scheduler,
    sequence::Sequence,
    settings::Plan,
    worker::Command,
};
pub use self::{
    request::{Completion, Event, Finish, Guide, Request, Sampling, Token, TopLogProb},
    scheduler::Counters,
    settings::EngineSettings,
    ticket::Ticket,
};
#[cfg(feature = "cuda")]
use crate::device::Precision;
#[cfg(any(feature = "cuda", test))]
use crate::kernels::cuda::card::Card;
use crate::{
    config::PolicyConfig,
    device::{self, DeviceKind},
    error::{Error, ErrorKind, Result},
    kernels::threads::Threads,
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
    /// Takes a copy of `params` to where the engine computes, and starts its thread.
    ///
    /// # Errors
    /// Names the setting that is out of its range, what is wrong with the device, or that the system granted no thread.
    pub fn new(config: &PolicyConfig, params: &Params<Cpu>, settings: &EngineSettings) -> Result<Self> {
        let plan = settings.resolve(config)?;
        match settings.device {
            DeviceKind::Cpu => Self::on_cpu(config.clone(), params, plan),
            #[cfg(feature = "cuda")]
            DeviceKind::Cuda => {
                let precision = settings.precision;
                Self::on_card(config.clone(), params, plan, precision == Precision::Bf16, move || {
                    let device = device::cuda(0)?;
                    device::set_precision(&device, precision)?;
                    Ok(device)
                })
            }
            #[cfg(not(feature = "cuda"))]
            DeviceKind::Cuda => Err(Error::new(ErrorKind::Config, device::WITHOUT_GPUS)),
        }
    }

    fn on_cpu(config: PolicyConfig, params: &Params<Cpu>, plan: Plan) -> Result<Self> {
        let weights = Weights::new(params);
        Self::start(plan, config.vocab_size, move |inbox| {
            let (vocabulary, threads) = (config.vocab_size, Arc::new(Threads::new(plan.threads)));
            let model = CpuModel::new(config, weights, plan.capacity, Arc::clone(&threads));
            // All of it on a thread of the pool: a step that began outside would wake one, and be woken when it ends.
            threads.enter(|| worker::serve(Scheduler::new(model, plan.limits, vocabulary), inbox));
        })
    }

    /// On the card that `open` gives, whose handle may not leave the engine's thread; matrices are bf16 where `half`.
    #[cfg(any(feature = "cuda", test))]
    fn on_card<C: Card<Error: Into<Error>>>(
        config: PolicyConfig,
        params: &Params<Cpu>,
        plan: Plan,
        half: bool,
        open: impl FnOnce() -> Result<C> + Send + 'static,
    ) -> Result<Self> {
        let (vocabulary, params) = (config.vocab_size, params.clone());
        let (ready, opened) = std::sync::mpsc::channel();
        let engine = Self::start(plan, vocabulary, move |inbox| {
            let made = open().and_then(|card| CardModel::new(card, config, &params, plan.capacity, half));
            drop(params);
            // Nobody has given up waiting.
            let tell = |said| _ = ready.send(said);
            match made {
                Err(error) => tell(Err(error)),
                Ok(model) => {
                    tell(Ok(()));
                    worker::serve(Scheduler::new(model, plan.limits, vocabulary), inbox);
                }
            }
        })?;
        opened.recv().map_err(|_| stopped())??;
        Ok(engine)
    }

    fn start(
        plan: Plan,
        vocabulary: usize,
        work: impl FnOnce(mpsc::UnboundedReceiver<Command>) + Send + 'static,
    ) -> Result<Self> {
        let (commands, inbox) = mpsc::unbounded_channel();
        let thread = std::thread::Builder::new().name("decode".into()).spawn(move || work(inbox));
        let thread = thread.map_err(|error| {
            Error::new(ErrorKind::Io, "the system granted no thread to the engine").with_source(error)
        })?;
        let context = plan.capacity.context;
        Ok(Self { commands: Some(commands), thread: Some(thread), vocabulary, context })
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
        version.await.map_err(|_| stopped())?
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
