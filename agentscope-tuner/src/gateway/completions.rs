//! Chat completions.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    response::{
        IntoResponse as _, Response,
        sse::{Event, Sse},
    },
};
use futures_util::{StreamExt as _, future::try_join_all, stream};

use super::{
    Shared,
    failure::Failure,
    wire::{Asked, Head, chunks::Chunks, completion},
};
use crate::model::{ChatRequest, ChatStream, Model};

pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let body = body.map_err(|rejection| Failure::invalid(rejection.body_text()))?;
    let asked = Asked::read(&body).map_err(Failure::invalid)?;
    let known = shared.models.get(&asked.model);
    let model = known.ok_or_else(|| Failure::no_model(&asked.model, &shared.names()))?.clone();
    let head = Head::new(asked.model.clone());
    match asked.stream {
        true => streamed(model, asked, head).await,
        false => whole(model, asked, head).await,
    }
}

/// All choices at once.
async fn whole(model: Model, asked: Asked, head: Head) -> Result<Response, Failure> {
    let requests: Vec<ChatRequest> = (0..asked.choices).map(|choice| asked.request(choice)).collect();
    let answers = try_join_all(requests.iter().map(|request| model.chat(request))).await?;
    Ok(Json(completion(&head, &answers, asked.return_token_ids)).into_response())
}

/// One choice as it comes. The first piece is waited for, so that a refusal has a status of its own.
async fn streamed(model: Model, asked: Asked, head: Head) -> Result<Response, Failure> {
    if asked.choices > 1 {
        return Err(Failure::invalid("n must be 1 where the answer is streamed"));
    }
    let request = asked.request(0);
    let mut events = model.stream(&request).await?;
    let first = events.next().await.transpose()?;
    let events: ChatStream = stream::iter(first.map(Ok)).chain(events).boxed();
    let chunks = Chunks::new(head, &asked);
    let opening = chunks.opening();
    let written = events.flat_map(move |event| {
        let written = match event {
            Ok(event) => chunks.written(event),
            Err(error) => vec![Failure::from(error).object()],
        };
        stream::iter(written)
    });
    let all = stream::iter([opening]).chain(written).map(|chunk| Event::default().data(chunk.to_string()));
    let done = stream::iter([Event::default().data("[DONE]")]);
    Ok(Sse::new(all.chain(done).map(Ok::<_, Infallible>)).into_response())
}
