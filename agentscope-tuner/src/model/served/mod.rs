//! A policy in training whose answers come from a server: vLLM, or another with its extensions of OpenAI's protocol.
//!
//! Each answer comes with the exact tokens that the server read and sampled (`return_token_ids`) and their log-probabilities.
//! The weights that answer are [put there](Served::use_adapter) from here, so that no answer is older than it should be.

mod server;

use std::{
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use futures_util::{StreamExt as _, future::BoxFuture};

use self::server::Server;
use super::{
    ChatEvent, ChatModel, ChatRequest, ChatResponse, ChatStream, Env, Model, ModelId, ModelSpec, Sampling,
    TokenTrace, build, embedded::Embedded,
};
use crate::{
    error::{Error, ErrorKind, ModelFailure, Result},
    message::{Msg, Role},
};

/// What a server is asked before it is trusted: short, and spelled by every vocabulary.
const PROBE: &str = "1+1=";
const PROBE_TOKENS: u32 = 16;

/// A model at a server that answers with exact tokens. Cheap to clone: clones share what the server was told.
#[derive(Clone)]
pub struct Served(Arc<Shared>);

struct Shared {
    model: Model,
    server: Server,
    /// The same model inside this process: its template and its vocabulary.
    policy: Embedded,
    /// The adapter that requests name; without one they name the model itself.
    adapter: Mutex<Option<String>>,
    /// First turns of conversations.
    first: Rendered,
    /// Turns after answers of the model, tool calls among them, which server and template have to spell alike once more.
    later: Rendered,
}

/// Counts of the prompts that the server has rendered and answered since they were last taken.
#[derive(Default)]
struct Rendered {
    prompts: AtomicU64,
    /// Those that it rendered otherwise than we would.
    differing: AtomicU64,
}

impl Rendered {
    fn take(&self) -> [u64; 2] {
        [&self.prompts, &self.differing].map(|count| count.swap(0, Relaxed))
    }
}

impl Served {
    /// The model of `spec`, which serves the checkpoint that `policy` was loaded from.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when `spec` is wrong, or its provider does not speak OpenAI's protocol.
    pub fn from_spec(spec: &ModelSpec, policy: Embedded, env: &Env<'_>) -> Result<Self> {
        let model = spec.build(env)?;
        let transport = build::transport(spec, env)?.ok_or_else(|| {
            let message = format!(
                "models of {} do not return exact tokens: sample from a server with vLLM's extensions (provider = \"vllm\", or \"openai\" with its base-url)",
                spec.provider
            );
            Error::new(ErrorKind::Config, message)
        })?;
        let (adapter, first, later) = Default::default();
        let server = Server::new(transport);
        Ok(Self(Arc::new(Shared { model, server, policy, adapter, first, later })))
    }

    /// The sampling that its table sets.
    pub(crate) fn sampling(&self) -> &Sampling {
        self.0.model.sampling()
    }

    /// Loads the PEFT adapter in `directory`, which the server must see under this path, and has it answer from now on.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the server does not load it, with what it needs; [`ErrorKind::Model`] when it is not there.
    pub async fn use_adapter(&self, name: &str, directory: &Path) -> Result<()> {
        self.0.server.load_adapter(name, directory).await?;
        *self.adapter() = Some(name.to_owned());
        Ok(())
    }

    /// Has the model answer without an adapter from now on.
    pub fn use_no_adapter(&self) {
        *self.adapter() = None;
    }

    /// Has the server forget an adapter that answers no more. One that it does not have is forgotten already.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when the server is not there.
    pub async fn forget_adapter(&self, name: &str) -> Result<()> {
        self.0.server.unload_adapter(name).await
    }

    /// Has the server take the weights of the Hugging Face directory, which it must see under this path, in the place of those
    /// that it has. Returns when they answer.
    ///
    /// # Errors
    /// As [`use_adapter`](Self::use_adapter).
    pub async fn use_weights(&self, directory: &Path) -> Result<()> {
        self.0.server.reload(directory).await
    }

    /// A short answer, drawn with `sampling`, to see that the server is what it should be.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the answer lacks exact tokens, has others than the model knows, or the server renders the
    /// conversation otherwise than the model's directory says.
    pub async fn probe(&self, sampling: Sampling) -> Result<TokenTrace> {
        let mut request = ChatRequest::new([Msg::user(PROBE)]);
        request.sampling = Sampling { max_tokens: Some(PROBE_TOKENS), seed: Some(0), ..sampling };
        let trace = self.chat(&request).await?.tokens.unwrap_or_default();
        let ours = self.0.policy.prompt_ids(&request)?;
        if trace.prompt_ids == ours {
            return Ok(trace);
        }
        Err(self.unfit(&format!(
            "it reads {PROBE:?} as {} tokens that are not the {} that the chat template and tokenizer in `{}` make of it: serve that directory, and no other --chat-template or --tokenizer",
            trace.prompt_ids.len(),
            ours.len(),
            self.0.policy.directory().display()
        )))
    }

    /// How many prompts were answered since the last call of this, and how many of them were not what we would have made of the
    /// conversation: of first turns, and of later ones.
    pub(crate) fn take_differing(&self) -> [[u64; 2]; 2] {
        [&self.0.first, &self.0.later].map(Rendered::take)
    }

    /// The request as the server is to see it.
    fn worded(&self, request: &ChatRequest) -> ChatRequest {
        let mut worded = request.clone();
        worded.logprobs.get_or_insert(0);
        let extra = &mut worded.sampling.extra;
        extra.insert("return_token_ids".into(), true.into());
        // A field of this name goes before the model's own.
        extra.extend(self.adapter().clone().map(|name| ("model".to_owned(), name.into())));
        worded
    }

    /// The answer as it was asked for, once its tokens are there.
    fn checked(&self, request: &ChatRequest, mut response: ChatResponse) -> Result<ChatResponse> {
        if response.logprobs.is_none() {
            return Err(self.unfit(
                "its answer has no log-probabilities: let it return them (--max-logprobs not 0, and no proxy that drops `logprobs`)",
            ));
        }
        let Some(trace) = &response.tokens else {
            return Err(self.unfit(
                "its answer has no token ids, or not one for each log-probability: sample from a vLLM that knows `return_token_ids`, with nothing in between that drops it",
            ));
        };
        let vocabulary = self.0.policy.vocabulary();
        if let Some(id) = trace.prompt_ids.iter().chain(&trace.ids).find(|id| **id as usize >= vocabulary) {
            return Err(self.unfit(&format!(
                "it answers with token {id}, but the model in `{}` has {vocabulary}: serve that directory",
                self.0.policy.directory().display()
            )));
        }
        self.compare(request, &trace.prompt_ids);
        if request.logprobs.is_none() {
            response.logprobs = None;
        }
        Ok(response)
    }

    /// Notes whether the server read what we would have.
    fn compare(&self, request: &ChatRequest, read: &[u32]) {
        let is_first = request.messages.iter().all(|message| message.role != Role::Assistant);
        let of = if is_first { &self.0.first } else { &self.0.later };
        of.prompts.fetch_add(1, Relaxed);
        let differs = self.0.policy.prompt_ids(request).is_ok_and(|ours| ours != read);
        of.differing.fetch_add(u64::from(differs), Relaxed);
    }

    /// What a failure of the server means here.
    fn explained(&self, error: Error) -> Error {
        match (error.kind(), &*self.adapter()) {
            (ErrorKind::Model(ModelFailure::Request), Some(name))
                if error.chain().contains(name.as_str()) =>
            {
                let message = format!(
                    "{} does not know the adapter `{name}` any more: was it started again? Continue with `resume`, which loads the newest one",
                    self.id().endpoint
                );
                Error::new(ErrorKind::Config, message).with_source(error)
            }
            _ => error,
        }
    }

    fn unfit(&self, what: &str) -> Error {
        let ModelId { endpoint, .. } = self.id();
        Error::new(
            ErrorKind::Config,
            format!("{} at {endpoint} cannot sample for training: {what}", self.id()),
        )
    }

    fn adapter(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.0.adapter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChatModel for Served {
    fn id(&self) -> &ModelId {
        self.0.model.id()
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        Box::pin(async move {
            let worded = self.worded(request);
            let response = self.0.model.client().chat(&worded).await;
            self.checked(request, response.map_err(|error| self.explained(error))?)
        })
    }

    fn stream<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatStream>> {
        Box::pin(async move {
            let worded = self.worded(request);
            let events = self.0.model.client().stream(&worded).await;
            let (this, request) = (self.clone(), request.clone());
            let checked = move |event| match event {
                Ok(ChatEvent::Done(response)) => {
                    this.checked(&request, *response).map(|response| ChatEvent::Done(Box::new(response)))
                }
                other => other,
            };
            Ok(events.map_err(|error| self.explained(error))?.map(checked).boxed())
        })
    }

    fn takes_seed(&self) -> bool {
        self.0.model.client().takes_seed()
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served")
            .field("id", self.id())
            .field("adapter", &*self.adapter())
            .finish_non_exhaustive()
    }
}
