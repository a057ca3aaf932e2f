//! A slot's model for agents of [rig](https://docs.rs/rig-core).
//!
//! Rig writes chat completions, and the gateway reads them as from any client; but no socket lies between, so there is
//! neither a key nor a port, and the model that answers is the slot's own: captured, limited, priced and trained.

#![expect(clippy::result_large_err, reason = "the trait of rig wants rig's own error")]

use axum::{body::to_bytes, response::IntoResponse as _};
use bytes::Bytes;
use futures_util::StreamExt as _;
use rig_core::{
    DynModel,
    http_client::{
        Error as HttpError, HttpClientExt, LazyBody, MultipartForm, Request, Response, Result as HttpResult,
        StreamingResponse,
    },
    operation::Completion,
    providers::openai::OpenAIConfig,
};
use tokio_util::sync::CancellationToken;

use super::{Admission, Body, completions};
use crate::{
    error::{Error, ErrorKind},
    model::Model,
};

/// Nothing resolves it, should a request ever leave this process.
const NOWHERE: &str = "http://slot.invalid/v1";

impl Model {
    /// This model as a completion model of rig, for its agents: calls, tools and streams go to this very model.
    ///
    /// A failure reaches rig with the status and the message that the [gateway](crate::gateway) would send; whether the
    /// endpoint, a limit or the agent is to blame is known to the run without it.
    ///
    /// ```no_run
    /// use agentscope_tuner::prelude::*;
    /// use rig_core::completion::CompletionRequest;
    ///
    /// # async fn ask(model: Model) -> Result<String> {
    /// let rig = model.rig();
    /// let answer = rig.call(CompletionRequest::new("2 + 2?")).await.map_err(Error::other)?;
    /// # Ok(answer.text())
    /// # }
    /// ```
    pub fn rig(&self) -> DynModel<Completion> {
        let mut config = OpenAIConfig::new("none");
        NOWHERE.clone_into(&mut config.base_url);
        config.connect(Inside { model: self.clone() }).chat(&self.id().name).erase()
    }
}

/// What rig takes for its way to a server.
#[derive(Clone, Debug)]
struct Inside {
    model: Model,
}

impl Inside {
    /// The gateway's answer to a chat completion.
    async fn answer(self, body: Bytes) -> HttpResult<Response<axum::body::Body>> {
        let admission = Admission::to_one(self.model, CancellationToken::new());
        let response = completions::create(admission, Body(body)).await.into_response();
        if response.status().is_success() {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let said = to_bytes(body, usize::MAX).await.map_err(HttpError::instance)?;
        let said = String::from_utf8_lossy(&said).into_owned();
        Err(HttpError::non_success_with_details(parts.status, parts.headers, said))
    }
}

impl HttpClientExt for Inside {
    fn send<T, U>(
        &self,
        request: Request<T>,
    ) -> impl Future<Output = HttpResult<Response<LazyBody<U>>>> + Send + 'static
    where
        T: Into<Bytes> + Send,
        U: From<Bytes> + Send + 'static,
    {
        let answer = self.clone().answer(request.into_body().into());
        async move {
            Ok(answer.await?.map(|body| -> LazyBody<U> {
                Box::pin(
                    async move { to_bytes(body, usize::MAX).await.map(U::from).map_err(HttpError::instance) },
                )
            }))
        }
    }

    fn send_multipart<U>(
        &self,
        _: Request<MultipartForm>,
    ) -> impl Future<Output = HttpResult<Response<LazyBody<U>>>> + Send + 'static
    where
        U: From<Bytes> + Send + 'static,
    {
        let refusal =
            Error::new(ErrorKind::Usage, "a slot's model answers conversations, and takes no files");
        async move { Err(HttpError::instance(refusal)) }
    }

    fn send_streaming<T>(
        &self,
        request: Request<T>,
    ) -> impl Future<Output = HttpResult<StreamingResponse>> + Send
    where
        T: Into<Bytes> + Send,
    {
        let answer = self.clone().answer(request.into_body().into());
        async move {
            Ok(answer.await?.map(|body| {
                let pieces = body.into_data_stream().map(|piece| piece.map_err(HttpError::instance));
                Box::pin(pieces) as _
            }))
        }
    }
}
