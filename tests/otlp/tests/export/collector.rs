//! A collector on loopback, which keeps what it is sent and reads it with OpenTelemetry's own types.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
pub(crate) use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
};
use prost::Message as _;

/// How a collector takes what it is sent.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mood {
    Willing,
    /// Answers with status 400.
    Refusing,
    /// Answers much later than anyone waits.
    Hanging,
}

/// The bodies of all requests.
#[derive(Clone)]
struct Received {
    mood: Mood,
    bodies: Arc<Mutex<Vec<Bytes>>>,
}

pub(crate) struct Collector {
    /// `http://host:port`.
    pub(crate) url: String,
    received: Received,
}

impl Collector {
    pub(crate) fn start(mood: Mood) -> Self {
        let received = Received { mood, bodies: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/v1/traces", post(take)).with_state(received.clone());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        Self { url, received }
    }

    /// All that was sent, as it was on the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.received.bodies.lock().unwrap().concat()
    }

    /// The name of the service, of each batch.
    pub(crate) fn services(&self) -> Vec<String> {
        let batches = self.batches();
        let resources = batches.iter().flat_map(|batch| &batch.resource_spans);
        resources
            .map(|spans| text(&spans.resource.as_ref().unwrap().attributes, "service.name").unwrap())
            .collect()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let resources = self.batches().into_iter().flat_map(|batch| batch.resource_spans);
        resources.flat_map(|spans| spans.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    fn batches(&self) -> Vec<ExportTraceServiceRequest> {
        let bodies = self.received.bodies.lock().unwrap();
        bodies.iter().map(|body| ExportTraceServiceRequest::decode(body.clone()).unwrap()).collect()
    }
}

async fn take(State(received): State<Received>, body: Bytes) -> StatusCode {
    match received.mood {
        Mood::Refusing => return StatusCode::BAD_REQUEST,
        Mood::Hanging => tokio::time::sleep(Duration::from_secs(60)).await,
        Mood::Willing => {}
    }
    received.bodies.lock().unwrap().push(body);
    StatusCode::OK
}

fn value(attributes: &[KeyValue], key: &str) -> Option<Value> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    attribute.value.clone()?.value
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    match value(attributes, key)? {
        Value::StringValue(text) => Some(text),
        other => panic!("{key} is {other:?}"),
    }
}

/// The attribute `key` as text.
pub(crate) fn word(span: &Span, key: &str) -> Option<String> {
    text(&span.attributes, key)
}

/// The attribute `key` as a whole number.
pub(crate) fn number(span: &Span, key: &str) -> Option<i64> {
    match value(&span.attributes, key)? {
        Value::IntValue(number) => Some(number),
        other => panic!("{key} is {other:?}"),
    }
}

/// The attribute `key` as a list of texts.
pub(crate) fn list(span: &Span, key: &str) -> Option<Vec<String>> {
    let Value::ArrayValue(list) = value(&span.attributes, key)? else { panic!("{key} is no list") };
    let word = |item: AnyValue| match item.value {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key} holds {other:?}"),
    };
    Some(list.values.into_iter().map(word).collect())
}
