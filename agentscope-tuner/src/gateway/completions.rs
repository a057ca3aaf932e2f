//! Chat completions.

use std::convert::Infallible;

use axum::{
    Json,
    response::{
        IntoResponse as _, Response,
        sse::{Event, Sse},
    },
};
use futures_util::{StreamExt as _, future::try_join_all, stream};

use super::{
    Admission, Body,
    answer::streaming,
    failure::Failure,
    wire::{Asked, Head, chunks::Chunks, completion},
};
use crate::model::{ChatRequest, Model};

pub(super) async fn create(admission: Admission, Body(body): Body) -> Result<Response, Failure> {
    let asked = Asked::read(&body).map_err(Failure::invalid)?;
    let (model, name) = admission.model(&asked.model)?;
    let head = Head::new("chatcmpl", name);
    match asked.stream {
        true => streamed(&model, asked, head, admission).await,
        false => whole(model, asked, head).await,
    }
}

/// All choices at once.
async fn whole(model: Model, asked: Asked, head: Head) -> Result<Response, Failure> {
    let requests: Vec<ChatRequest> = (0..asked.choices).map(|choice| asked.request(choice)).collect();
    let answers = try_join_all(requests.iter().map(|request| model.chat(request))).await?;
    Ok(Json(completion(&head, &answers, asked.return_token_ids)).into_response())
}

/// One choice as it comes.
async fn streamed(
    model: &Model,
    asked: Asked,
    head: Head,
    admission: Admission,
) -> Result<Response, Failure> {
    if asked.choices > 1 {
        return Err(Failure::invalid("n must be 1 where the answer is streamed"));
    }
    let events = streaming(model, &asked.request(0), admission).await?;
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
