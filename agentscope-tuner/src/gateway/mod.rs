//! Chat models behind an OpenAI-compatible endpoint, for clients of any kind and language.
//!
//! The way of the data: a body of chat completions (`wire`) becomes a [`ChatRequest`](crate::model::ChatRequest), a
//! [`Model`] answers, and the answer is written as one object or as server-sent events.

mod completions;
mod failure;
mod guard;
mod models;
mod wire;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    error::{Error, ErrorKind, Result},
    model::Model,
};

/// Largest body of a request, in bytes.
const MOST_BYTES: usize = 32 << 20;

/// Models to be served, by the names under which clients ask for them.
#[derive(Clone, Debug)]
pub struct Gateway {
    models: BTreeMap<String, Model>,
    token: Option<SecretString>,
}

/// What every request sees.
struct Shared {
    models: BTreeMap<String, Model>,
    token: Option<SecretString>,
    /// Seconds since 1970 when serving began, which stands for when the models were made.
    since: u64,
}

/// A bound port.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    router: Router,
    address: SocketAddr,
}

impl Gateway {
    /// A gateway to `models`; at least one.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when there is none.
    pub fn new(models: BTreeMap<String, Model>) -> Result<Self> {
        match models.is_empty() {
            true => Err(Error::new(ErrorKind::Usage, "there is no model to serve")),
            false => Ok(Self { models, token: None }),
        }
    }

    /// Demands `Authorization: Bearer <token>` of every request.
    #[must_use]
    pub fn token(mut self, token: impl Into<SecretString>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Binds a port; 0 takes any that is free.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for an address that other machines reach without a token; [`ErrorKind::Io`] when the
    /// system refuses the port.
    pub async fn listen(self, address: SocketAddr) -> Result<Listening> {
        if self.token.is_none() && !address.ip().is_loopback() {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{address} can be reached by other machines: demand a token, or listen on 127.0.0.1"),
            ));
        }
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Error::new(ErrorKind::Io, format!("cannot listen on {address}; is another server there?"))
                .with_source(error)
        })?;
        let address = listener.local_addr()?;
        Ok(Listening { listener, router: self.router(), address })
    }

    fn router(self) -> Router {
        let since = wire::now();
        let shared = Arc::new(Shared { models: self.models, token: self.token, since });
        Router::new()
            .route("/v1/chat/completions", post(completions::create))
            .route("/v1/models", get(models::list))
            .route("/v1/models/{*name}", get(models::retrieve))
            .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard::check))
            .route("/health", get(|| async { "ok" }))
            .fallback(failure::no_route)
            .layer(DefaultBodyLimit::max(MOST_BYTES))
            .with_state(shared)
    }
}

impl Listening {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`; answers under way are finished.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the system refuses.
    pub async fn serve(self, stop: CancellationToken) -> Result<()> {
        axum::serve(self.listener, self.router)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
            .map_err(Error::from)
    }
}
