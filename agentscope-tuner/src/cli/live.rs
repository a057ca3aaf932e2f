//! `report --live`: the page of a run that goes on, served on this machine.

use std::{
    fmt::Write as _,
    fs,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{
        StatusCode,
        header::{CACHE_CONTROL, HOST},
    },
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

use super::{
    args::{Common, Format, ReportOptions},
    report, show, usage,
};
use crate::{
    error::{Error, ErrorKind, Result},
    report::html::Mode,
    tuner::{RunDir, report_page},
};

/// What a run writes while it goes on.
const FILES: [&str; 5] =
    ["run.sqlite", "run.sqlite-wal", "outcome.json", "metrics.jsonl", "candidates.jsonl"];

/// The run, and the page of its last state: many requests may ask for one.
struct View {
    dir: RunDir,
    last: Mutex<Option<(String, String)>>,
}

/// Serves the page until Ctrl-C.
pub(super) fn serve(dir: &RunDir, common: &Common, options: &ReportOptions) -> Result<ExitCode> {
    if let Some(part) = dir.parts().first() {
        let part = part.path().display();
        return Err(usage(format!("the run is of several workflows: name one of them, such as {part}")));
    }
    if !options.listen.ip().is_loopback() {
        return Err(usage(format!(
            "{} can be reached by other machines, and the page shows what models were asked: listen on 127.0.0.1, and reach it from elsewhere through `ssh -L`",
            options.listen
        )));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(options.listen).await.map_err(|error| {
            let message = format!("cannot listen on {}; is another server there?", options.listen);
            Error::new(ErrorKind::Io, message).with_source(error)
        })?;
        let url = format!("http://{}/", listener.local_addr()?);
        match common.format() {
            Format::Json => show::json(&serde_json::json!({ "url": url }))?,
            Format::Text => show::line(&format!("the run is shown at {url} until Ctrl-C")),
        }
        if options.open {
            report::open(&url)?;
        }
        let stop = async { _ = tokio::signal::ctrl_c().await };
        axum::serve(listener, router(dir.clone())).with_graceful_shutdown(stop).await.map_err(Error::from)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn router(dir: RunDir) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/version", get(|State(view): State<Arc<View>>| async move { version(&view.dir) }))
        .layer(middleware::from_fn(local_only))
        .with_state(Arc::new(View { dir, last: Mutex::new(None) }))
}

async fn page(State(view): State<Arc<View>>) -> Response {
    // Reading a long journal takes a while.
    let made = tokio::task::spawn_blocking(move || view.page()).await;
    match made.map_err(|error| Error::new(ErrorKind::Other, "the page panicked").with_source(error)) {
        Ok(Ok(html)) => ([(CACHE_CONTROL, "no-store")], Html(html)).into_response(),
        Ok(Err(error)) | Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.chain()).into_response(),
    }
}

/// Only who asks for this machine by its own name is answered: a foreign page whose name was pointed here is not.
async fn local_only(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    match name {
        "127.0.0.1" | "localhost" | "[::1]" => next.run(request).await,
        _ => (StatusCode::FORBIDDEN, "open the address that `report --live` printed").into_response(),
    }
}

impl View {
    fn page(&self) -> Result<String> {
        let version = version(&self.dir);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, html)) = last.as_ref().filter(|(of, _)| *of == version) {
            return Ok(html.clone());
        }
        let html = report_page(&self.dir, Mode::Live)?;
        *last = Some((version, html.clone()));
        Ok(html)
    }
}

/// Changes when one of the run's files does.
fn version(dir: &RunDir) -> String {
    FILES.iter().fold(String::new(), |mut text, name| {
        // Whoever looks at a store makes an empty log for a moment.
        if let Some(file) = fs::metadata(dir.path().join(name)).ok().filter(|file| file.len() > 0) {
            let changed =
                file.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            // Writing into a string cannot fail.
            _ = write!(text, "{name} {} {};", file.len(), changed.unwrap_or_default().as_nanos());
        }
        text
    })
}
