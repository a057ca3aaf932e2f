//! Cassettes: answers of a real model, recorded once and replayed without network.
//!
//! A cassette is a JSON-lines file of `{"model", "request", "response"}`. Failures are not recorded. What looks like an
//! API key is replaced on its way into the file.

mod difference;
mod replay;
mod scrub;

pub use replay::Replayed;

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ChatModel, ChatRequest, ChatResponse, Model, ModelId};
use crate::error::{Error, ErrorKind, Result};

/// A line of a cassette.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    model: String,
    request: Value,
    response: ChatResponse,
}

/// A model whose answers are recorded.
///
/// ```
/// use agentscope_tuner::model::{Model, cassette::{Recorder, Replayed}, scripted::Scripted};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("answers.jsonl");
/// let model = Model::new(Scripted::in_order("real", ["4"]));
/// Model::new(Recorder::new(&model, &path)?).ask("2 + 2?").await?;
///
/// let replayed = Model::new(Replayed::open("real", &path)?);
/// assert_eq!(replayed.ask("2 + 2?").await?, "4");
/// # Ok::<(), agentscope_tuner::Error>(())
/// # }).unwrap();
/// ```
pub struct Recorder {
    client: Arc<dyn ChatModel>,
    path: PathBuf,
    file: Mutex<File>,
}

impl Recorder {
    /// Records the answers of `model`, without its slot's settings, at the end of the file at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the file cannot be opened.
    pub fn new(model: &Model, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = Mutex::new(file.map_err(|error| io_error("cannot be opened", &path, error))?);
        Ok(Self { client: model.client().clone(), path, file })
    }

    fn write(&self, request: &ChatRequest, response: &ChatResponse) -> Result<()> {
        let line =
            Line { model: self.id().to_string(), request: to_value(request)?, response: response.clone() };
        let mut line = scrub::keys(&serde_json::to_string(&line)?).into_owned();
        line.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes()).map_err(|error| io_error("cannot be written", &self.path, error))
    }
}

/// What requests are compared by: their JSON without keys.
fn to_value(request: &ChatRequest) -> Result<Value> {
    let text = serde_json::to_string(request)?;
    Ok(serde_json::from_str(&scrub::keys(&text))?)
}

fn io_error(what: &str, path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cassette {} {what}", path.display())).with_source(error)
}

impl ChatModel for Recorder {
    fn id(&self) -> &ModelId {
        self.client.id()
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        Box::pin(async move {
            let response = self.client.chat(request).await?;
            self.write(request, &response)?;
            Ok(response)
        })
    }

    fn takes_seed(&self) -> bool {
        self.client.takes_seed()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("id", self.id()).field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
