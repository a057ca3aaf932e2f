//! Conversations as the model reads them, the last ones kept: the rollouts of a group ask the same at the same time.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use policy::tokenizer::Tokenizer;
use serde_json::{Map, Value};

use super::{policy, refused};
use crate::{error::Result, message::Msg, model::ToolSpec};

/// How many conversations are kept.
const KEPT: usize = 32;
/// For how long: templates may tell the model the date.
const FRESH: Duration = Duration::from_secs(60);

/// The last conversations, newest last.
#[derive(Debug, Default)]
pub(super) struct Prompts(Mutex<VecDeque<Arc<Prompt>>>);

/// A conversation.
#[derive(Debug)]
pub(super) struct Prompt {
    messages: Vec<Msg>,
    tools: Vec<ToolSpec>,
    variables: Map<String, Value>,
    since: Instant,
    /// Its text, up to where the answer begins.
    pub(super) rendered: String,
    /// The tokens of the text, once somebody needs them.
    ids: OnceLock<Vec<u32>>,
}

impl Prompts {
    /// The conversation, as it was kept or as `render` writes it.
    pub(super) fn find_or(
        &self,
        messages: &[Msg],
        tools: &[ToolSpec],
        variables: Map<String, Value>,
        render: impl FnOnce(Map<String, Value>) -> Result<String>,
    ) -> Result<Arc<Prompt>> {
        let same = |known: &&Arc<Prompt>| {
            known.messages == messages
                && known.tools == tools
                && known.variables == variables
                && known.since.elapsed() < FRESH
        };
        if let Some(known) = self.lock().iter().rev().find(same) {
            return Ok(Arc::clone(known));
        }
        let since = Instant::now();
        let rendered = render(variables.clone())?;
        let (messages, tools) = (messages.to_vec(), tools.to_vec());
        let prompt = Arc::new(Prompt { messages, tools, variables, since, rendered, ids: OnceLock::new() });
        let mut kept = self.lock();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(Arc::clone(&prompt));
        Ok(prompt)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Prompt>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Prompt {
    /// Its tokens.
    pub(super) fn ids(&self, tokenizer: &Tokenizer) -> Result<Vec<u32>> {
        if let Some(ids) = self.ids.get() {
            return Ok(ids.clone());
        }
        let ids = tokenizer.encode_chat(&self.rendered).map_err(refused)?;
        Ok(self.ids.get_or_init(|| ids).clone())
    }
}
