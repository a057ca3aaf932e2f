//! A chat template, compiled.

use std::{path::Path, sync::Arc};

use minijinja::{
    Environment,
    value::{Serde, Value as Jinja},
};
use serde_json::{Map, Value};

use super::{BuiltIn, aliases::alias_reasoning, environment::environment, files::Sources, generation};
use crate::{
    error::{Error, ErrorKind, Result},
    tokenizer::Tokenizer,
};

/// The template that is used unless tools are offered and another is there for them.
const DEFAULT: &str = "default";
/// The template for conversations with tools, where a checkpoint has one.
const TOOL_USE: &str = "tool_use";

/// What a template renders: messages, tools and settings, shaped as `transformers` takes them.
///
/// A message is an object with `role` and `content`, and perhaps `tool_calls` (whose `arguments` are objects, not
/// strings), `tool_call_id`, `name`, `reasoning_content`. A tool is `{"type": "function", "function": {…}}`.
#[derive(Clone, Debug, Default)]
pub struct Conversation<'a> {
    /// First to last.
    pub messages: &'a [Value],
    /// Tools on offer; most templates take none and an empty list for the same.
    pub tools: Option<&'a [Value]>,
    /// Ends with the opening of the assistant's next message, for the model to go on.
    pub add_generation_prompt: bool,
    /// Further variables of the template, such as `enable_thinking` or `date_string`.
    pub variables: Map<String, Value>,
}

/// A chat template with the extensions that `transformers` gives to Jinja. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ChatTemplate {
    environment: Arc<Environment<'static>>,
    special: Map<String, Value>,
}

impl ChatTemplate {
    /// Compiles one template.
    ///
    /// # Errors
    /// When it is not valid Jinja; the message says where.
    pub fn new(source: &str) -> Result<Self> {
        Self::compile([(DEFAULT.to_owned(), source.to_owned())])
    }

    /// The template of a model directory: `chat_template.jinja` (and `additional_chat_templates/`), else
    /// `chat_template.json`, else the one in `tokenizer_config.json`, else a [built-in](BuiltIn) one if the vocabulary
    /// shows which. Templates see the special tokens of `tokenizer` as `bos_token`, `eos_token` and so on.
    ///
    /// # Errors
    /// When a file cannot be read or compiled, or there is neither a template nor a vocabulary that is recognised.
    pub fn open(directory: impl AsRef<Path>, tokenizer: &Tokenizer) -> Result<Self> {
        let directory = directory.as_ref();
        let found = match Sources::read(directory)? {
            Some(sources) => sources.0,
            None => {
                let built_in = BuiltIn::of(tokenizer).ok_or_else(|| no_template(directory))?;
                vec![(DEFAULT.to_owned(), built_in.source().to_owned())]
            }
        };
        Ok(Self::compile(found)?.with_special_tokens(tokenizer))
    }

    /// The same template, whose variables `bos_token`, `eos_token`, `pad_token` and `unk_token` are those of
    /// `tokenizer`.
    #[must_use]
    pub fn with_special_tokens(mut self, tokenizer: &Tokenizer) -> Self {
        let tokens = tokenizer.special_tokens();
        let named = [
            ("bos_token", &tokens.bos),
            ("eos_token", &tokens.eos),
            ("pad_token", &tokens.pad),
            ("unk_token", &tokens.unk),
        ];
        self.special = named
            .into_iter()
            .filter_map(|(name, token)| Some((name.to_owned(), token.as_ref()?.1.clone().into())))
            .collect();
        self
    }

    fn compile(sources: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let mut environment =
            environment().map_err(|error| fault("chat templates cannot be compiled").with_source(error))?;
        for (name, source) in sources {
            let message = format!("the chat template `{name}` is malformed");
            environment
                .add_template_owned(name, generation::as_scopes(&line_feeds(&source)))
                .map_err(|error| fault(message).with_source(error))?;
        }
        Ok(Self { environment: Arc::new(environment), special: Map::new() })
    }

    /// The text of a conversation.
    ///
    /// # Errors
    /// When the template refuses the conversation (such as two messages of one role in a row where it wants them to
    /// alternate) or uses something that is not there; the message is the template's.
    pub fn render(&self, conversation: &Conversation<'_>) -> Result<String> {
        let tools = conversation.tools.filter(|tools| !tools.is_empty());
        let named = tools.and_then(|_| self.environment.get_template(TOOL_USE).ok());
        let template = match named {
            Some(template) => template,
            None => self.environment.get_template(DEFAULT).map_err(|_| {
                fault("there is no default chat template, only named ones; add chat_template.jinja")
            })?,
        };
        let mut variables = self.special.clone();
        variables.extend(conversation.variables.clone());
        variables.insert("messages".into(), Value::Array(alias_reasoning(conversation.messages)));
        variables.insert("tools".into(), conversation.tools.map_or(Value::Null, Into::into));
        variables.insert("documents".into(), Value::Null);
        variables.insert("add_generation_prompt".into(), conversation.add_generation_prompt.into());
        template.render(Jinja::from(Serde(&variables))).map_err(|error| {
            let reason = error.detail().unwrap_or("it failed").to_owned();
            fault(format!("the chat template refuses this conversation: {reason}")).with_source(error)
        })
    }
}

/// Jinja reads every end of a line as a line feed.
fn line_feeds(source: &str) -> String {
    source.replace("\r\n", "\n").replace('\r', "\n")
}

fn no_template(directory: &Path) -> Error {
    fault(format!(
        "`{}` has no chat template and its vocabulary is of no family that is known; add chat_template.jinja",
        directory.display()
    ))
}

pub(super) fn fault(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Tokenizer, message)
}
