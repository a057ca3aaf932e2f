//! The endpoints of a run: one server, a key for each rollout that asks.

use std::{
    collections::HashMap,
    fmt,
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use blake3::Hash;
use secrecy::SecretString;
use tokio::{runtime::Handle, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Admission, Keys, router, serve};
use crate::{
    error::{Error, ErrorKind, Result},
    model::Model,
    workflow::{Access, ModelEndpoint},
};

/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// Opens endpoints to models on loopback. One server answers for all of them; it starts with the first and stops when
/// this is dropped.
#[derive(Debug, Default)]
pub struct RunGateway {
    open: Arc<OpenKeys>,
    server: Mutex<Option<Server>>,
}

#[derive(Debug)]
struct Server {
    root: String,
    task: JoinHandle<()>,
    _stop: DropGuard,
}

/// What is open, by the hash of its key: looking one up tells nothing of any other.
#[derive(Default)]
struct OpenKeys(Mutex<HashMap<Hash, Admission>>);

/// A key as long as it holds.
struct Lease {
    open: Arc<OpenKeys>,
    key: Hash,
    /// Ends answers under way.
    _over: DropGuard,
}

impl RunGateway {
    /// A gateway without a server yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn grant(&self, model: &Model, over: &CancellationToken) -> Result<(String, SecretString, Lease)> {
        let root = self.root()?;
        let key = random_key()?;
        let hash = blake3::hash(key.as_bytes());
        // Of its own, so that it also ends with its lease.
        let over = over.child_token();
        self.open.lock().insert(hash, Admission::to_one(model.clone(), over.clone()));
        let lease = Lease { open: Arc::clone(&self.open), key: hash, _over: over.drop_guard() };
        Ok((root, key.into(), lease))
    }

    /// Where the server is; starts it where there is none.
    fn root(&self) -> Result<String> {
        let runtime = Handle::try_current().map_err(|error| {
            Error::new(ErrorKind::Usage, "an endpoint is opened within a Tokio runtime").with_source(error)
        })?;
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        match &*server {
            // A server whose runtime has gone serves no more.
            Some(running) if !running.task.is_finished() => Ok(running.root.clone()),
            _ => {
                let started = Server::start(&runtime, Arc::clone(&self.open))?;
                Ok(server.insert(started).root.clone())
            }
        }
    }
}

impl Access for RunGateway {
    fn open(&self, model: &Model, over: &CancellationToken) -> Result<ModelEndpoint> {
        let (root, key, lease) = self.grant(model, over)?;
        Ok(ModelEndpoint::new(root, key, &model.id().name, lease))
    }
}

impl ModelEndpoint {
    /// Opens an endpoint to `model` outside of any run. It closes when its last handle is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the system refuses a port, [`ErrorKind::Usage`] outside of a Tokio runtime.
    pub fn of(model: &Model) -> Result<Self> {
        let gateway = RunGateway::new();
        let (root, key, lease) = gateway.grant(model, &CancellationToken::new())?;
        Ok(Self::new(root, key, &model.id().name, (lease, gateway)))
    }
}

impl Server {
    fn start(runtime: &Handle, open: Arc<OpenKeys>) -> Result<Self> {
        let refused = |error| {
            Error::new(ErrorKind::Io, "the system refuses a port on 127.0.0.1 for agents").with_source(error)
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let root = format!("http://{}", listener.local_addr().map_err(refused)?);
        let listener = tokio::net::TcpListener::from_std(listener).map_err(refused)?;
        let stop = CancellationToken::new();
        let task = runtime.spawn(serve(listener, router(open), stop.clone()));
        Ok(Self { root, task, _stop: stop.drop_guard() })
    }
}

impl OpenKeys {
    fn lock(&self) -> MutexGuard<'_, HashMap<Hash, Admission>> {
        // A panic elsewhere cannot leave the map half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys for OpenKeys {
    fn admit(&self, key: &str) -> Option<Admission> {
        let admission = self.lock().get(&blake3::hash(key.as_bytes())).cloned();
        admission.filter(|admission| !admission.over.is_cancelled())
    }

    fn local_only(&self) -> bool {
        true
    }
}

impl fmt::Debug for OpenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenKeys").field("number", &self.lock().len()).finish()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.open.lock().remove(&self.key);
    }
}

/// A key that nobody guesses, in the form that clients and secret scanners know.
fn random_key() -> Result<String> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::Io, format!("the system gives no random bytes: {error}")))?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("sk-rollout-{digits}"))
}
