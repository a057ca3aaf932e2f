//! Which models there are.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::{Shared, failure::Failure};

impl Shared {
    fn described(&self, name: &str) -> Value {
        json!({ "id": name, "object": "model", "created": self.since, "owned_by": "agentscope-tuner" })
    }

    /// The names, for messages.
    pub(super) fn names(&self) -> String {
        self.models.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let data: Vec<Value> = shared.models.keys().map(|name| shared.described(name)).collect();
    Json(json!({ "object": "list", "data": data }))
}

pub(super) async fn retrieve(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Failure> {
    match shared.models.contains_key(&name) {
        true => Ok(Json(shared.described(&name))),
        false => Err(Failure::no_model(&name, &shared.names())),
    }
}
