//! An exporter that mends what `tracing` cannot say, and tells once when the collector does not take spans.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use opentelemetry::{Array, Value};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};

/// A list by the conventions; a field of `tracing` has one value.
const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";

/// Warns once in the life of the program.
#[derive(Clone, Debug)]
pub(super) struct Alarm {
    collector: Arc<str>,
    rung: Arc<AtomicBool>,
}

impl Alarm {
    pub(super) fn new(collector: String) -> Self {
        Self { collector: collector.into(), rung: Arc::default() }
    }

    pub(super) fn ring(&self, error: &dyn fmt::Display) {
        if !self.rung.swap(true, Relaxed) {
            tracing::warn!(
                "the collector at {} did not take spans, so traces are incomplete; the run is not affected. \
                 Is it up? ({error})",
                self.collector
            );
        }
    }
}

/// Hands spans on to `inner`.
#[derive(Debug)]
pub(super) struct Exporter<E> {
    inner: E,
    alarm: Alarm,
}

impl<E> Exporter<E> {
    pub(super) fn new(inner: E, alarm: Alarm) -> Self {
        Self { inner, alarm }
    }
}

impl<E: SpanExporter> SpanExporter for Exporter<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        batch.iter_mut().for_each(list_finish_reasons);
        self.inner.export(batch).await.inspect_err(|error| self.alarm.ring(error))
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.inner.shutdown()
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

fn list_finish_reasons(span: &mut SpanData) {
    let found = span.attributes.iter_mut().find(|attribute| attribute.key.as_str() == FINISH_REASONS);
    if let Some(attribute) = found
        && let Value::String(reason) = &attribute.value
    {
        attribute.value = Value::Array(Array::String(vec![reason.clone()]));
    }
}
