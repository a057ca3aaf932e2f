//! Chat models behind an HTTP endpoint, for clients of any kind and language: OpenAI's chat completions and Anthropic's
//! messages.
//!
//! [`Gateway`] serves models to whoever may ask; [`RunGateway`] opens an endpoint of its own to each rollout that wants one,
//! with a key that opens that rollout's model and nothing else.
//!
//! The way of the data: the `guard` finds out what a key opens; a body (`wire`, `anthropic`) becomes a
//! [`ChatRequest`](crate::model::ChatRequest), a [`Model`] answers, and the answer is written as one object or as
//! server-sent events.

mod admission;
mod answer;
mod anthropic;
mod body;
mod completions;
mod connections;
mod failure;
mod guard;
mod models;
#[cfg(feature = "rig")]
mod rig;
mod run;
mod wire;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use admission::{Admission, Keys};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
pub(crate) use body::Body;
pub(crate) use connections::serve;
pub(crate) use failure::Failure;
pub use run::RunGateway;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    error::{Error, ErrorKind, Result},
    model::Model,
};

/// Models to be served, by the names under which clients ask for them.
#[derive(Clone, Debug)]
pub struct Gateway {
    models: Arc<BTreeMap<String, Model>>,
    token: Option<SecretString>,
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
            false => Ok(Self { models: Arc::new(models), token: None }),
        }
    }

    /// Demands `token` of every request, as `Authorization: Bearer <token>` or as `x-api-key`.
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
        Ok(Listening { listener, router: router(Arc::new(self)), address })
    }
}

impl Keys for Gateway {
    fn admit(&self, key: &str) -> Option<Admission> {
        let admitted = self.token.as_ref().is_none_or(|token| same(key, token.expose_secret()));
        admitted.then(|| Admission::to_named(Arc::clone(&self.models)))
    }

    fn local_only(&self) -> bool {
        self.token.is_none()
    }
}

impl Listening {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`; answers under way are finished.
    pub async fn serve(self, stop: CancellationToken) {
        serve(self.listener, self.router, stop).await;
    }
}

/// Every address that is answered, to those whom `keys` admit.
fn router(keys: Arc<dyn Keys>) -> Router {
    let routes = Router::new()
        .route("/v1/chat/completions", post(completions::create))
        .route(anthropic::PATH, post(anthropic::create))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*name}", get(models::retrieve));
    guarded(keys, routes).route("/health", get(|| async { "ok" })).fallback(failure::no_route)
}

/// `routes` for those who send `token`, with bounds of size and time, and failures in the words of OpenAI's protocol.
pub(crate) fn demanding(token: SecretString, routes: Router) -> Router {
    guarded(Arc::new(Gateway { models: Arc::default(), token: Some(token) }), routes)
}

fn guarded(keys: Arc<dyn Keys>, routes: Router) -> Router {
    routes
        .layer(middleware::from_fn_with_state(keys, guard::check))
        .layer(DefaultBodyLimit::max(body::MOST_BYTES))
        .layer(middleware::from_fn(failure::in_protocol))
}

/// Compares without telling by its duration where two keys differ: their hashes are compared.
fn same(given: &str, wanted: &str) -> bool {
    blake3::hash(given.as_bytes()) == blake3::hash(wanted.as_bytes())
}
