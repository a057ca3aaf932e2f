//! Where `tracing` goes: events to standard error and, with the feature `otlp`, spans to a collector.

#[cfg(feature = "otlp")]
mod collector;
#[cfg(feature = "otlp")]
mod exporter;
#[cfg(feature = "otlp")]
mod otlp;

use tracing_subscriber::{EnvFilter, Layer as _, fmt, layer::SubscriberExt as _, registry};

/// What is to be closed at the end of the program.
#[must_use]
pub(super) struct Telemetry {
    #[cfg(feature = "otlp")]
    export: Option<otlp::Export>,
}

impl Telemetry {
    /// Log events go to standard error: warnings, or what `RUST_LOG` or `-v` asks for. Spans go to the collector that the
    /// environment names; `program` is what they come from.
    #[cfg_attr(not(feature = "otlp"), expect(unused_variables, reason = "a log does not name its program"))]
    pub(super) fn install(verbose: u8, program: &'static str) -> Self {
        let log = fmt::layer().with_writer(std::io::stderr).with_filter(filter(verbose));
        let subscriber = registry().with(log);
        #[cfg(feature = "otlp")]
        let (export, fault) = otlp::Export::from_env(program);
        #[cfg(feature = "otlp")]
        let subscriber = subscriber.with(export.as_ref().map(otlp::Export::layer));
        // Only the first subscriber of a process counts; in a test another may be there.
        _ = tracing::subscriber::set_global_default(subscriber);
        #[cfg(feature = "otlp")]
        if let Some(fault) = fault {
            tracing::warn!("no spans are sent: {fault}");
        }
        Self {
            #[cfg(feature = "otlp")]
            export,
        }
    }

    /// Sends what is not sent yet.
    pub(super) fn close(self) {
        #[cfg(feature = "otlp")]
        if let Some(export) = self.export {
            export.close();
        }
    }
}

fn filter(verbose: u8) -> EnvFilter {
    let level = match verbose {
        0 => "warn",
        1 => "agentscope_tuner=info",
        _ => "agentscope_tuner=debug",
    };
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level))
}
