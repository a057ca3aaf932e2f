//! What `tokenizer_config.json` says about special tokens.

use std::{fs, io, path::Path};

use serde_json::{Map, Value};
use tokenizers::Tokenizer as Backend;

use super::fault;
use crate::error::Result;

/// A special token: its id, and its spelling as chat templates use it.
pub type SpecialToken = (u32, String);

/// The tokens that begin, end and fill sequences, where the tokenizer names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// Begins a text.
    pub bos: Option<SpecialToken>,
    /// Ends a text. [`GenerationConfig::eos_token_ids`](crate::config::GenerationConfig::eos_token_ids) may list more.
    pub eos: Option<SpecialToken>,
    /// Fills rows of a batch.
    pub pad: Option<SpecialToken>,
    /// Stands for what the vocabulary cannot express.
    pub unk: Option<SpecialToken>,
}

/// The same as spelled in the files.
#[derive(Clone, Debug, Default)]
pub(super) struct SpecialFile {
    /// Tokens that `tokenizer.json` may lack, in order of their ids, and whether each is special.
    pub(super) added: Vec<(String, bool)>,
    named: [Option<String>; 4],
}

const NAMES: [&str; 4] = ["bos_token", "eos_token", "pad_token", "unk_token"];

impl SpecialFile {
    /// Reads `tokenizer_config.json`, and for what it leaves out the older `special_tokens_map.json`.
    pub(super) fn read(directory: &Path) -> Result<Self> {
        let config = read_object(&directory.join("tokenizer_config.json"))?;
        let older = read_object(&directory.join("special_tokens_map.json"))?;
        let named = NAMES.map(|name| spelling(config.get(name)).or_else(|| spelling(older.get(name))));
        Ok(Self { added: added(&config), named })
    }

    /// Padding and unknown tokens outside the vocabulary are left out: nothing here is padded, and some checkpoints name
    /// ones that their model never had.
    ///
    /// # Errors
    /// When the token that begins or ends a text is not in the vocabulary.
    pub(super) fn resolve(self, backend: &Backend) -> Result<SpecialTokens> {
        let [bos, eos, pad, unk] = self.named;
        let find =
            |token: Option<String>| token.and_then(|token| Some((backend.token_to_id(&token)?, token)));
        let require = |name: &str, token: Option<String>| match (find(token.clone()), token) {
            (None, Some(token)) => Err(fault(format!(
                "`{name}` is `{token}`, which is not in the vocabulary; take all tokenizer files from one checkpoint"
            ))),
            (found, _) => Ok(found),
        };
        let (bos, eos) = (require(NAMES[0], bos)?, require(NAMES[1], eos)?);
        Ok(SpecialTokens { bos, eos, pad: find(pad), unk: find(unk) })
    }
}

/// A token is a string, or an object with its `content`.
fn spelling(token: Option<&Value>) -> Option<String> {
    let token = token?;
    token.as_str().or_else(|| token["content"].as_str()).map(Into::into)
}

fn added(config: &Map<String, Value>) -> Vec<(String, bool)> {
    let Some(decoder) = config.get("added_tokens_decoder").and_then(Value::as_object) else {
        return Vec::new();
    };
    let mut tokens: Vec<_> =
        decoder.iter().filter_map(|(id, token)| Some((id.parse::<u32>().ok()?, token))).collect();
    tokens.sort_by_key(|(id, _)| *id);
    tokens
        .into_iter()
        .filter_map(|(_, token)| Some((spelling(Some(token))?, token["special"].as_bool().unwrap_or(false))))
        .collect()
}

pub(super) fn read_object(path: &Path) -> Result<Map<String, Value>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(error) => return Err(fault(format!("cannot read `{}`", path.display())).with_source(error)),
    };
    serde_json::from_slice(&bytes)
        .map_err(|error| fault(format!("`{}` is not a JSON object", path.display())).with_source(error))
}
