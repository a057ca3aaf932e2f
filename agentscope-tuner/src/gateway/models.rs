//! Which models there are.

use axum::{Json, extract::Path};
use serde_json::{Value, json};

use super::{Admission, failure::Failure, wire::since};

fn described(name: &str) -> Value {
    json!({ "id": name, "object": "model", "created": since(), "owned_by": "agentscope-tuner" })
}

pub(super) async fn list(admission: Admission) -> Json<Value> {
    let data: Vec<Value> = admission.names().into_iter().map(described).collect();
    Json(json!({ "object": "list", "data": data }))
}

pub(super) async fn retrieve(admission: Admission, Path(name): Path<String>) -> Result<Json<Value>, Failure> {
    let (_, name) = admission.model(&name)?;
    Ok(Json(described(&name)))
}
