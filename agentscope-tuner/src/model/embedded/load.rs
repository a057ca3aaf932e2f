//! From a Hugging Face directory to a running model.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read as _, Seek as _, SeekFrom},
    ops::Deref,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

use policy::{
    Params,
    chat::{ChatTemplate, ReplyFormat},
    checkpoint::Checkpoint,
    config::GenerationConfig,
    constraint::Constraints,
    device::{Cpu, DeviceKind, Precision},
    engine::{Engine, EngineSettings},
    tokenizer::Tokenizer,
};

use super::{policy, prompts::Prompts, refused};
use crate::{
    error::{Error, ErrorKind, Result},
    model::ModelId,
};

/// A policy that answers conversations. Cheap to clone: clones share one engine.
#[derive(Clone)]
pub struct Embedded {
    pub(super) id: ModelId,
    parts: Arc<Parts>,
}

/// What the models of one directory share.
pub struct Parts {
    pub(super) directory: PathBuf,
    /// Tells models apart, wherever their directories lie.
    fingerprint: String,
    /// Tokens that it has a number for: ids are below.
    vocabulary: usize,
    pub(super) generation: GenerationConfig,
    pub(super) tokenizer: Tokenizer,
    pub(super) template: ChatTemplate,
    pub(super) format: ReplyFormat,
    pub(super) prompts: Prompts,
    pub(super) engine: Engine,
    constraints: OnceLock<Constraints>,
    held: Mutex<Held>,
}

/// The weights that a model has now.
#[derive(Clone, Default)]
pub(crate) struct Held {
    /// How often they were changed since the model was loaded.
    pub(crate) number: u64,
    /// The weights, if somebody wanted them to be kept before they were changed.
    pub(crate) params: Option<Arc<Params<Cpu>>>,
    kept: bool,
}

/// As models of this kind are known in settings.
const PROVIDER: &str = "embedded";
/// Bytes of each end of a file that tell it apart.
const ENDS: u64 = 1 << 20;

/// Where a model was loaded from, and how it computes.
type Origin = (PathBuf, DeviceKind, Precision);

/// The models that are loaded.
static LOADED: Mutex<Option<HashMap<Origin, Weak<Parts>>>> = Mutex::new(None);

impl Embedded {
    /// Loads the model of a Hugging Face directory and starts its engine.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] names the file, the tensor or the setting that is wrong.
    pub fn open(name: &str, directory: impl AsRef<Path>, settings: &EngineSettings) -> Result<Self> {
        let directory = directory.as_ref();
        let parts = Parts::load(directory, settings).map_err(|error| {
            let message = format!("the embedded model `{}` cannot be loaded", directory.display());
            Error::new(ErrorKind::Config, message).with_source(error)
        })?;
        Ok(Self::of(name, directory, Arc::new(parts)))
    }

    /// As [`open`](Self::open), or one that this process has loaded from there already.
    pub(super) fn shared(name: &str, directory: &Path, settings: &EngineSettings) -> Result<Self> {
        let path = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let key = (path, settings.device, settings.precision);
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = loaded.get_or_insert_default();
        if let Some(parts) = loaded.get(&key).and_then(Weak::upgrade) {
            return Ok(Self::of(name, directory, parts));
        }
        let model = Self::open(name, directory, settings)?;
        loaded.insert(key, Arc::downgrade(&model.parts));
        Ok(model)
    }

    /// The model of this id that this process has loaded.
    pub(crate) fn loaded(id: &ModelId) -> Option<Self> {
        if id.provider != PROVIDER {
            return None;
        }
        let loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = loaded.iter().flat_map(HashMap::values).filter_map(Weak::upgrade);
        let parts = all.find(|parts| parts.fingerprint == id.endpoint)?;
        Some(Self { id: id.clone(), parts })
    }

    fn of(name: &str, directory: &Path, parts: Arc<Parts>) -> Self {
        let of_directory = || directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = if name.is_empty() { of_directory() } else { name.to_owned() };
        let id = ModelId { provider: PROVIDER.into(), endpoint: parts.fingerprint.clone(), name, key: 0 };
        Self { id, parts }
    }
}

impl Deref for Embedded {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl Parts {
    fn load(directory: &Path, settings: &EngineSettings) -> policy::Result<Self> {
        let checkpoint = Checkpoint::open(directory)?;
        let config = checkpoint.config();
        let tokenizer = Tokenizer::open(directory, config.vocab_size)?;
        let template = ChatTemplate::open(directory, &tokenizer)?;
        let params = Params::new(&Cpu::default(), config, checkpoint.tensors()?)?;
        Ok(Self {
            directory: directory.to_owned(),
            fingerprint: fingerprint(directory).map_err(|error| {
                policy::Error::new(policy::ErrorKind::Io, "cannot read the model's files").with_source(error)
            })?,
            vocabulary: config.vocab_size,
            generation: checkpoint.generation().clone(),
            format: ReplyFormat::of(&tokenizer),
            engine: Engine::new(config, &params, settings)?,
            prompts: Prompts::default(),
            constraints: OnceLock::new(),
            held: Mutex::default(),
            template,
            tokenizer,
        })
    }

    /// Tells the model apart, wherever its directory lies and whatever its weights are by now.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// How many token ids it knows: all are below this.
    pub(crate) fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// The weights that it has now, as far as they were [kept](Self::keep).
    pub(crate) fn held(&self) -> Held {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps weights beside the engine from the next change on, so that they can be sent elsewhere.
    pub(crate) fn keep(&self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).kept = true;
    }

    /// Notes a change of the weights.
    pub(super) fn note(&self, params: &Params<Cpu>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.number += 1;
        held.params = held.kept.then(|| Arc::new(params.clone()));
    }

    /// Made when the first answer needs them: it takes a pass over the vocabulary.
    pub(super) fn constraints(&self) -> Result<&Constraints> {
        if let Some(constraints) = self.constraints.get() {
            return Ok(constraints);
        }
        let made = Constraints::new(&self.tokenizer, &self.generation.eos_token_ids).map_err(refused)?;
        Ok(self.constraints.get_or_init(|| made))
    }
}

/// A hash of the files that an answer depends on, so that a run finds its answers again from another working directory, and
/// on another machine. Of large files the ends are read: the beginning holds the names and places of all tensors.
fn fingerprint(directory: &Path) -> io::Result<String> {
    let is_part = |path: &PathBuf| {
        let extension = path.extension().unwrap_or_default();
        path.is_file() && ["json", "safetensors", "jinja"].iter().any(|part| extension == *part)
    };
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    files.retain(is_part);
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for path in files {
        hasher.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        let mut file = fs::File::open(&path)?;
        let length = file.metadata()?.len();
        hasher.update(&length.to_le_bytes());
        let mut end = vec![0; ENDS.min(length) as usize];
        file.read_exact(&mut end)?;
        hasher.update(&end);
        file.seek(SeekFrom::End(-i64::try_from(end.len()).unwrap_or(0)))?;
        file.read_exact(&mut end)?;
        hasher.update(&end);
    }
    Ok(hasher.finalize().to_hex()[..16].to_owned())
}
