//! Model calls that belong to no rollout: what a strategy asks on its own account.

use std::sync::Arc;

use super::{
    budget::Allowance,
    call::{Metered, Scope},
    engine::Engine,
};
use crate::{
    error::Result,
    model::{ChatRequest, ChatResponse, Model},
    seed,
    workflow::Spent,
};

/// The answer to a question of a strategy.
#[derive(Clone, Debug, PartialEq)]
pub struct Consulted {
    /// The answer.
    pub response: ChatResponse,
    /// What it used, as if it had been paid for now, so that a resumed run counts the same.
    pub spent: Spent,
}

impl Engine {
    /// Asks the model that is called `model` in the configuration. The call is kept, counted in the budget and, after a
    /// kill, not paid again: as calls of rollouts are. `purpose` and `number` tell questions of one wording apart.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::error::ErrorKind::Config) when there is no such model, and whatever the call meets.
    pub async fn consult(
        &self,
        model: &str,
        purpose: &str,
        number: u64,
        request: &ChatRequest,
    ) -> Result<Consulted> {
        let priced = self.models().get(model)?;
        let seed = seed::draw(self.seed(), purpose, [&number.to_le_bytes()[..]]);
        // The upper half: the seed itself is drawn from again.
        let scope = Scope::new((seed >> 32) as u32, seed, Allowance::default());
        let metered = Metered {
            slot: purpose.into(),
            model: Arc::clone(priced),
            version: None,
            scope: Arc::clone(&scope),
            books: self.stage.books.clone(),
        };
        let model = Model::new(metered).with_sampling(priced.model.sampling().clone());
        let response = model.chat(request).await?;
        let spent = Spent { cached_calls: 0, ..scope.meter().spent() };
        Ok(Consulted { response, spent })
    }
}
