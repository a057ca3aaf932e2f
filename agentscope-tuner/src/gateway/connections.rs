//! Connections, bounded in the time that they may take to say what they want.

use std::{io, pin::pin, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Within this time the head of a request has to arrive, also that of the next one on a connection.
const MOST_HEAD: Duration = Duration::from_secs(30);
/// How long nobody is let in after the system refused a connection: most often it has too many files open.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers connections until `stop`; requests under way are finished.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => _ = connections.spawn(answer(stream, router.clone(), stop.clone())),
                Err(error) => refused(&error).await,
            },
            Some(_) = connections.join_next() => {}
            () = stop.cancelled() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn refused(error: &io::Error) {
    tracing::warn!(%error, "a connection cannot be accepted");
    tokio::time::sleep(PAUSE).await;
}

async fn answer(stream: TcpStream, router: Router, stop: CancellationToken) {
    // Small answers must not wait for more to send; where that cannot be said, they do.
    _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(MOST_HEAD);
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // A client that goes away, or says nothing, is its own affair.
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}
