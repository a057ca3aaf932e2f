//! Models that cost nothing: for a look at what a run would ask.

use futures_util::future::BoxFuture;

use crate::{
    error::Result,
    model::{ChatModel, ChatRequest, ChatResponse, Model, ModelId},
    rollout::{ModelTable, PricedModel},
};

/// English text has about so many bytes a token.
const BYTES_PER_TOKEN: u64 = 4;
/// Tokens of an answer that nothing bounds.
const UNBOUNDED: u64 = 1024;

/// Answers nothing, and counts what the request would have cost.
struct Dry(ModelId);

impl ChatModel for Dry {
    fn id(&self) -> &ModelId {
        &self.0
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        let bytes = serde_json::to_string(&request.messages).map_or(0, |json| json.len() as u64);
        let tools = serde_json::to_string(&request.tools).map_or(0, |json| json.len() as u64);
        let output = request.sampling.max_tokens.map_or(UNBOUNDED, u64::from);
        let response = ChatResponse::text("").with_usage((bytes + tools).div_ceil(BYTES_PER_TOKEN), output);
        Box::pin(async move { Ok(response) })
    }
}

/// The same table with every model replaced by one that answers nothing.
pub(crate) fn dry_models(models: &ModelTable) -> ModelTable {
    models.iter().fold(ModelTable::default(), |table, (name, priced)| {
        let model = Model::new(Dry(priced.model.id().clone())).with_sampling(priced.model.sampling().clone());
        table.with(name, PricedModel { model, ..(**priced).clone() })
    })
}
