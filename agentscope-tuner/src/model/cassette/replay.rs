//! Plays a cassette.

use std::{
    collections::HashMap,
    fmt,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{Line, difference::differences, io_error, to_value};
use crate::{
    error::{Error, ErrorKind, ModelFailure, Result},
    model::{ChatModel, ChatRequest, ChatResponse, ModelId, ModelSpec},
};

/// Differences that an error shows.
const SHOWN: usize = 3;

/// A model that answers from a cassette.
///
/// Requests may come in any order. The n-th time that a request is made, it gets the n-th answer recorded for it.
pub struct Replayed {
    id: ModelId,
    tracks: HashMap<String, Track>,
}

/// All answers to one request.
struct Track {
    request: Value,
    responses: Vec<ChatResponse>,
    played: AtomicUsize,
}

impl Replayed {
    /// Opens the cassette at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be read, [`ErrorKind::Config`] names the line that is none of a cassette.
    pub fn open(name: impl Into<String>, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| io_error("cannot be read", path, error))?;
        let mut tracks = HashMap::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let line: Line = serde_json::from_str(line).map_err(|error| {
                let place = format!("cassette {}: line {} is no recorded call", path.display(), number + 1);
                Error::new(ErrorKind::Config, place).with_source(error)
            })?;
            let track = tracks.entry(canonical(&line.request)).or_insert_with(|| Track {
                request: line.request,
                responses: Vec::new(),
                played: AtomicUsize::new(0),
            });
            track.responses.push(line.response);
        }
        let (provider, endpoint) = ("cassette".into(), path.display().to_string());
        Ok(Self { id: ModelId { provider, endpoint, name: name.into(), key: 0 }, tracks })
    }

    /// The cassette at `path` of a table with `provider = "cassette"`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the table has no `path`, else as [`open`](Self::open).
    pub fn from_spec(spec: &ModelSpec) -> Result<Self> {
        let missing =
            || Error::new(ErrorKind::Config, "provider `cassette` needs `path`, the recorded .jsonl file");
        Self::open(&*spec.name, spec.path.as_deref().ok_or_else(missing)?)
    }

    fn play(&self, request: &ChatRequest) -> Result<ChatResponse> {
        let asked = to_value(request)?;
        let Some(track) = self.tracks.get(&canonical(&asked)) else { return Err(self.unknown(&asked)) };
        let turn = track.played.fetch_add(1, Ordering::Relaxed);
        track.responses.get(turn).cloned().ok_or_else(|| {
            let recorded = track.responses.len();
            self.error(format!(
                "the request was recorded {recorded} times, but this is its call {}",
                turn + 1
            ))
        })
    }

    /// Names what sets the request apart from the most similar recorded one.
    fn unknown(&self, asked: &Value) -> Error {
        let closest = self.tracks.values().map(|track| differences(&track.request, asked));
        // Recorded requests have no order here, so ties are broken by what is shown.
        let Some(closest) = closest.min_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b))) else {
            return self.error("it is empty".into());
        };
        let more = closest.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let shown = closest[..closest.len().min(SHOWN)].join("; ");
        self.error(format!("this request was not recorded; compared with the closest one, {shown}{more}"))
    }

    fn error(&self, what: String) -> Error {
        let message = format!("cassette {}: {what}; record it again if that is intended", self.id.endpoint);
        Error::new(ErrorKind::Model(ModelFailure::Request), message)
    }
}

/// The same text for values that differ in the order of their fields only.
fn canonical(value: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                let mut fields: Vec<_> = map.iter().collect();
                fields.sort_unstable_by_key(|(name, _)| *name);
                Value::Object(fields.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect())
            }
            Value::Array(list) => Value::Array(list.iter().map(sorted).collect()),
            leaf => leaf.clone(),
        }
    }
    sorted(value).to_string()
}

impl ChatModel for Replayed {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        Box::pin(async move { self.play(request) })
    }

    fn takes_seed(&self) -> bool {
        true
    }
}

impl fmt::Debug for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replayed").field("id", &self.id).field("requests", &self.tracks.len()).finish()
    }
}
