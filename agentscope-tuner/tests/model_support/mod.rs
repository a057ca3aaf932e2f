//! A server on this machine that answers as told.
#![allow(dead_code, reason = "each test uses a part")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use agentscope_tuner::model::{Model, ModelBuilder, openai};
use axum::serve::ListenerExt as _;
use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Response, Uri},
};
use futures_util::stream;
use serde_json::Value;

pub(crate) const KEY: &str = "sk-loopback-0123456789";

/// An answer of the fake server.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    chunks: Vec<Vec<u8>>,
    /// What happens after the chunks.
    end: End,
    /// How long the server thinks.
    delay: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    /// The body ends as it should.
    Clean,
    /// The connection breaks.
    Cut,
    /// Nothing more arrives.
    Hang,
}

impl Reply {
    pub(crate) fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", kind.to_owned())];
        Self { status, headers, chunks: vec![body.into()], end: End::Clean, delay: Duration::ZERO }
    }

    pub(crate) fn json(body: Value) -> Self {
        Self::new(200, "application/json", body.to_string())
    }

    pub(crate) fn events(chunks: Vec<Vec<u8>>) -> Self {
        Self { chunks, ..Self::new(200, "text/event-stream", "") }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn end(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    pub(crate) fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    fn into_response(self) -> Response<Body> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        let end = self.end;
        let chunks = self.chunks.into_iter().filter(|chunk| !chunk.is_empty()).map(Some).chain([None]);
        let body = stream::unfold(chunks, move |mut chunks| async move {
            match chunks.next()? {
                Some(chunk) => {
                    // Lets each chunk leave on its own.
                    tokio::task::yield_now().await;
                    Some((Ok(Bytes::from(chunk)), chunks))
                }
                None if end == End::Clean => None,
                None if end == End::Cut => Some((Err(std::io::Error::other("cut")), chunks)),
                None => std::future::pending().await,
            }
        });
        response.body(Body::from_stream(body)).unwrap()
    }
}

/// The server, gone when dropped.
pub(crate) struct Fake {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<(String, HeaderMap, Value)>>>,
    most: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Fake {
    pub(crate) async fn start(answer: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_by_path(move |_, body| answer(body)).await
    }

    pub(crate) async fn start_by_path(
        answer: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (log, answer, peak) = (seen.clone(), Arc::new(answer), most.clone());
        let app = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let (log, answer, inside, peak) = (log.clone(), answer.clone(), inside.clone(), peak.clone());
            async move {
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                let path = uri.to_string();
                let reply = answer(&path, &body);
                log.lock().unwrap().push((path, headers, body));
                peak.fetch_max(inside.fetch_add(1, Relaxed) + 1, Relaxed);
                tokio::time::sleep(reply.delay).await;
                inside.fetch_sub(1, Relaxed);
                reply.into_response()
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        // Else the two halves of an answer lie 40 ms apart (Nagle against delayed acknowledgements).
        let listener = listener.tap_io(|connection| connection.set_nodelay(true).unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, seen, most, task }
    }

    pub(crate) fn builder(&self) -> ModelBuilder {
        openai("tiny").base_url(&self.url).api_key(KEY).max_retries(0)
    }

    pub(crate) fn model(&self) -> Model {
        self.builder().build().unwrap()
    }

    pub(crate) fn calls(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// Most calls that were under way at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.most.load(Relaxed)
    }

    pub(crate) fn last_body(&self) -> Value {
        self.seen.lock().unwrap().last().unwrap().2.clone()
    }

    /// Path and query of the last request.
    pub(crate) fn last_path(&self) -> String {
        self.seen.lock().unwrap().last().unwrap().0.clone()
    }

    pub(crate) fn last_header(&self, name: &str) -> Option<String> {
        let seen = self.seen.lock().unwrap();
        Some(seen.last()?.1.get(name)?.to_str().ok()?.to_owned())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}
