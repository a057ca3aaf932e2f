//! Spans on their way to an OpenTelemetry collector, over HTTP.

use std::time::Duration;

use opentelemetry::{Key, trace::TracerProvider as _};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use super::{
    collector,
    exporter::{Alarm, Exporter},
};

/// How long the end of a program waits for the collector.
const PATIENCE: Duration = Duration::from_secs(5);
const SERVICE_NAME: Key = Key::from_static_str("service.name");

/// A thread that sends spans in batches.
pub(super) struct Export {
    provider: SdkTracerProvider,
    alarm: Alarm,
}

impl Export {
    /// The export that the environment asks for, or what is wrong with it; neither where it asks for none.
    pub(super) fn from_env(program: &'static str) -> (Option<Self>, Option<String>) {
        let Some(collector) = collector::named(|name| std::env::var(name).ok()) else { return (None, None) };
        match collector.and_then(|collector| Self::open(program, collector)) {
            Ok(export) => (Some(export), None),
            Err(fault) => (None, Some(fault)),
        }
    }

    fn open(program: &'static str, collector: String) -> Result<Self, String> {
        // Endpoint, headers and timeout are read from the environment by the exporter itself.
        let exporter = SpanExporter::builder().with_http().build().map_err(|error| error.to_string())?;
        let alarm = Alarm::new(collector);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(Exporter::new(exporter, alarm.clone()))
            .with_resource(resource(program))
            .build();
        Ok(Self { provider, alarm })
    }

    /// Takes spans alone: an event may quote what a model or a program said.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let spans = filter_fn(|metadata| metadata.is_span() && *metadata.level() <= LevelFilter::INFO);
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(env!("CARGO_PKG_NAME")))
            .with_location(false)
            .with_target(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(spans.with_max_level_hint(LevelFilter::INFO))
    }

    /// Sends what is not sent yet; a collector that does not take it in time costs a warning.
    pub(super) fn close(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(PATIENCE) {
            self.alarm.ring(&error);
        }
    }
}

/// What the spans come from: the program, unless the environment names a service.
fn resource(program: &'static str) -> Resource {
    let detected = Resource::builder().build();
    let named = detected.get(&SERVICE_NAME).is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    if named { detected } else { Resource::builder().with_service_name(program).build() }
}
