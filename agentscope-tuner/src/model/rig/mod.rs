//! Models of the [rig](https://docs.rs/rig-core) framework as models of this crate.

mod answered;
mod asked;
mod failure;

use futures_util::{StreamExt as _, future::BoxFuture, stream};
use rig_core::{
    DynModel,
    operation::Completion,
    streaming::{CompletionStream, Item, StreamEvent},
};

use self::answered::Pieces;
use super::{
    ChatEvent, ChatModel, ChatRequest, ChatResponse, ChatStream, ModelId,
    http::{ApiKey, Site},
};
use crate::error::Result;

/// A completion model of rig: as a candidate, or wherever a [`Model`](super::Model) is taken.
///
/// Each call is one attempt, as that of any [`ChatModel`]; [`Endpoint`](super::endpoint::Endpoint) adds retries and a
/// limit on calls at once. It gives no log-probabilities, and what a provider wants back unchanged with a later turn
/// (signatures of reasoning) is not kept.
///
/// ```
/// use agentscope_tuner::model::{Model, endpoint::{Concurrency, Endpoint, Retry}, rig::RigModel};
/// use rig_core::{http_client::DynHttpClient, providers::openai::OpenAIConfig};
///
/// # fn model(http: DynHttpClient) -> Model {
/// let model = OpenAIConfig::new("key").connect(http).chat("gpt-5-mini");
/// Model::new(Endpoint::new(RigModel::new(model), Concurrency::Adaptive, Retry::default()))
/// # }
/// ```
#[derive(Debug)]
pub struct RigModel {
    model: DynModel<Completion>,
    site: Site,
}

impl RigModel {
    /// Wraps `model`. Its [`ModelId`] is rig's name of the provider, and the model's there; the endpoint's address is
    /// unknown, so that models of one provider share their limit.
    pub fn new(model: impl Into<DynModel<Completion>>) -> Self {
        let model = model.into();
        let provider = format!("rig-{}", model.name());
        let name = model.id().unwrap_or_default().to_owned();
        let id = ModelId { endpoint: provider.clone(), provider, name, key: 0 };
        Self { model, site: Site { id, key: ApiKey::default(), base_ends_in: "/v1" } }
    }

    async fn answer(&self, request: &ChatRequest) -> Result<ChatResponse> {
        let asked = asked::request(request, &self.site)?;
        let answered = self.model.call(asked).await.map_err(|error| failure::error(&self.site, &error))?;
        answered::response(answered, &self.site)
    }

    fn open(&self, request: &ChatRequest) -> Result<CompletionStream> {
        let asked = asked::request(request, &self.site)?;
        self.model.stream(asked).map_err(|error| failure::error(&self.site, &error))
    }
}

impl ChatModel for RigModel {
    fn id(&self) -> &ModelId {
        &self.site.id
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        Box::pin(self.answer(request))
    }

    fn stream<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatStream>> {
        Box::pin(async move {
            let site = Site { id: self.site.id.clone(), key: ApiKey::default(), ..self.site };
            let reading = Reading { events: self.open(request)?, pieces: Pieces::default(), site };
            Ok(stream::try_unfold(Some(reading), next).boxed())
        })
    }
}

/// A streamed answer that is being read.
struct Reading {
    events: CompletionStream,
    pieces: Pieces,
    site: Site,
}

async fn next(reading: Option<Reading>) -> Result<Option<(ChatEvent, Option<Reading>)>> {
    let Some(mut reading) = reading else { return Ok(None) };
    while let Some(item) = reading.events.next().await {
        let item: Item<StreamEvent> = item.map_err(|error| failure::error(&reading.site, &error))?;
        let Item::Event(event) = item else { continue };
        if let Some(piece) = reading.pieces.take(event) {
            return Ok(Some((piece, Some(reading))));
        }
    }
    let whole = reading.events.finish().await.map_err(|error| failure::error(&reading.site, &error))?;
    let whole = answered::response(whole, &reading.site)?;
    Ok(Some((ChatEvent::Done(Box::new(whole)), None)))
}
