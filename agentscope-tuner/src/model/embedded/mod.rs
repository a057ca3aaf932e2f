//! A language model inside this process: the policy, as a chat model.
//!
//! ```toml
//! [models.tiny]
//! provider = "embedded"
//! path = "models/tiny"      # a Hugging Face model directory
//! device = "cuda"           # where there is an NVIDIA GPU; `cpu` when unset
//! ```

mod answer;
mod demonstration;
mod forced;
mod guide;
mod load;
mod messages;
mod prompts;
mod sampling;
mod spelling;
mod stops;
#[cfg(test)]
mod tests;

use std::{fmt, path::Path, sync::Arc};

use agentscope_tuner_policy as policy;
use futures_util::{StreamExt as _, future::BoxFuture};
use policy::engine::{EngineSettings, Request};

pub(crate) use self::load::Held;
use self::{answer::Answer, forced::Forced, prompts::Prompt};
pub use self::{load::Embedded, spelling::Spelling};
use super::{
    ChatEvent, ChatModel, ChatRequest, ChatResponse, ChatStream, ModelId, ModelSpec, ToolChoice, ToolSpec,
};
use crate::error::{Error, ErrorKind, ModelFailure, Result};

impl Embedded {
    /// The model of a table with `provider = "embedded"`; tables that name one directory and one device share one engine.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] names what is wrong with the directory.
    pub fn from_spec(spec: &ModelSpec) -> Result<Self> {
        let Some(path) = &spec.path else {
            return Err(Error::new(
                ErrorKind::Config,
                "path is missing: write the Hugging Face directory of the embedded model",
            ));
        };
        let mut settings = EngineSettings::on(spec.device.unwrap_or_default().into());
        settings.precision = spec.precision.unwrap_or_default().into();
        if let Some(most) = spec.concurrency {
            settings.max_sequences = most;
            settings.max_rows = settings.max_rows.max(most);
        }
        Self::shared(&spec.name, path, &settings)
    }

    /// The Hugging Face directory that it was loaded from.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Takes the numbers of `params`, which has the shape of the model, for all that is sampled from now on.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when the engine has stopped.
    pub async fn update(&self, params: &policy::Params<policy::device::Cpu>) -> Result<()> {
        self.engine.update(params).await.map_err(refused)?;
        self.note(params);
        Ok(())
    }

    /// The tokens that `request` is read as, where nothing is written for the model.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when the chat template refuses the conversation.
    pub(crate) fn prompt_ids(&self, request: &ChatRequest) -> Result<Vec<u32>> {
        self.prompt(request)?.ids(&self.tokenizer)
    }

    /// The conversation as the model reads it.
    fn prompt(&self, request: &ChatRequest) -> Result<Arc<Prompt>> {
        let (tools, variables) = (offered(request), messages::variables(request));
        self.prompts.find_or(&request.messages, tools, variables, |variables| {
            messages::render(&self.template, &request.messages, tools, variables)
        })
    }

    /// Renders the conversation and hands it to the engine.
    fn begin(&self, request: &ChatRequest) -> Result<Answer> {
        sampling::check(&request.sampling)?;
        let conversation = self.prompt(request)?;
        let rendered = &conversation.rendered;
        let forced = Forced::of(request, self.format)?.map(|forced| forced.after(rendered));
        let prompt = match &forced {
            None => conversation.ids(&self.tokenizer)?,
            Some(Forced { opening, .. }) => {
                self.tokenizer.encode_chat(&format!("{rendered}{opening}")).map_err(refused)?
            }
        };
        let stops = stops::Stops::new(&request.sampling.stop);
        let guide = guide::guide(self, forced.as_ref(), stops.clone())?;
        let room = self.engine.context().saturating_sub(prompt.len()).max(1);
        let ticket = self.engine.submit(Request {
            sampling: sampling::of(&request.sampling, &self.generation),
            max_tokens: request.sampling.max_tokens.map_or(room, |most| (most as usize).min(room)),
            stop_tokens: self.generation.eos_token_ids.clone(),
            top_log_probs: request.logprobs.map_or(0, usize::from),
            guide,
            prompt: prompt.clone(),
        });
        let ticket = ticket.map_err(refused)?;
        Ok(Answer::new(self, request, (prompt, rendered), forced.as_ref(), stops, ticket))
    }

    /// Whether special tokens in an answer mean nothing: the Hermes format spells its tags as text.
    fn hides_special(&self) -> bool {
        self.format == policy::chat::ReplyFormat::Hermes
    }
}

impl ChatModel for Embedded {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        Box::pin(async move {
            let mut answer = self.begin(request)?;
            loop {
                if let Some(ChatEvent::Done(response)) = answer.next().await? {
                    return Ok(*response);
                }
            }
        })
    }

    fn stream<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatStream>> {
        Box::pin(async move {
            let answer = self.begin(request)?;
            let events = futures_util::stream::unfold(Some(answer), |answer| async move {
                let mut answer = answer?;
                match answer.next().await {
                    Ok(None) => None,
                    Ok(Some(done @ ChatEvent::Done(_))) => Some((Ok(done), None)),
                    Ok(Some(event)) => Some((Ok(event), Some(answer))),
                    Err(error) => Some((Err(error), None)),
                }
            });
            Ok(events.boxed())
        })
    }

    fn takes_seed(&self) -> bool {
        true
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The tools that the model is told of.
fn offered(request: &ChatRequest) -> &[ToolSpec] {
    if request.tool_choice == ToolChoice::None { &[] } else { &request.tools }
}

/// What a failure of the policy means to the caller of a model.
fn refused(error: policy::Error) -> Error {
    let failure = match error.kind() {
        policy::ErrorKind::Request | policy::ErrorKind::Tokenizer => ModelFailure::Request,
        _ => ModelFailure::Server,
    };
    Error::new(ErrorKind::Model(failure), error.to_string()).with_source(error)
}
