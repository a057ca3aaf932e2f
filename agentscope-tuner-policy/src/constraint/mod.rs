//! Structured output: at each step, the set of tokens that keep a reply within a grammar.

#[cfg(test)]
mod tests;
mod token_set;

use std::{fmt, sync::Arc};

use llguidance::{Matcher, ParserFactory, api::TopLevelGrammar};
use serde_json::{Value, json};
use toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};

pub use self::token_set::TokenSet;
use crate::{
    error::{Error, ErrorKind, Result},
    tokenizer::Tokenizer,
};

/// Makes constraints for one vocabulary. Making it takes a pass over the vocabulary, so keep it; cheap to clone.
#[derive(Clone)]
pub struct Constraints {
    factory: Arc<ParserFactory>,
}

impl Constraints {
    /// `eos_token_ids` end a reply: [`GenerationConfig::eos_token_ids`](crate::config::GenerationConfig::eos_token_ids).
    ///
    /// # Errors
    /// When there is no end token, or one outside the vocabulary.
    pub fn new(tokenizer: &Tokenizer, eos_token_ids: &[u32]) -> Result<Self> {
        let vocab_size = tokenizer.vocab_size() as u32;
        if let Some(id) = eos_token_ids.iter().find(|id| **id >= vocab_size) {
            return Err(request(format!(
                "the end token {id} is not among the {vocab_size} ids of the tokenizer"
            )));
        }
        let first = eos_token_ids.first().copied().ok_or_else(|| {
            request("structured output needs an end token; set `eos_token_id` in generation_config.json")
        })?;
        let words: Vec<_> = (0..vocab_size).map(|id| word(tokenizer, id)).collect();
        let trie = TokTrie::from(&TokRxInfo::new(vocab_size, first), &words).with_eos_tokens(eos_token_ids);
        let environment: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let mut factory = ParserFactory::new_simple(&environment)
            .map_err(|error| request("the vocabulary cannot be constrained").with_source(error))?;
        factory.quiet();
        Ok(Self { factory: Arc::new(factory) })
    }

    /// Replies that are one JSON document which `schema` accepts, on one line, as models most often write it.
    ///
    /// # Errors
    /// When the schema is malformed, cannot be satisfied, or uses a keyword that is not supported; the cause names it.
    pub fn json_schema(&self, schema: &Value) -> Result<Constraint> {
        let mut schema = schema.clone();
        if let Some(object) = schema.as_object_mut() {
            let separators =
                json!({ "whitespace_flexible": false, "item_separator": ", ", "key_separator": ": " });
            object.entry("x-guidance").or_insert(separators);
        }
        self.constraint(TopLevelGrammar::from_json_schema(schema))
    }

    /// Replies that are any JSON object.
    ///
    /// # Errors
    /// None that are known; the grammar is fixed.
    pub fn json_object(&self) -> Result<Constraint> {
        self.json_schema(&json!({ "type": "object" }))
    }

    /// Replies that match a regular expression from start to end, in the syntax of the `regex` crate.
    ///
    /// # Errors
    /// When the expression is malformed.
    pub fn regex(&self, expression: &str) -> Result<Constraint> {
        self.constraint(TopLevelGrammar::from_regex(expression))
    }

    /// Replies that are one of `choices`.
    ///
    /// # Errors
    /// When there are none.
    pub fn choice(&self, choices: &[&str]) -> Result<Constraint> {
        if choices.is_empty() {
            return Err(request("a choice needs at least one text to choose"));
        }
        let escaped: Vec<_> = choices.iter().map(|choice| escape(choice)).collect();
        self.regex(&escaped.join("|"))
    }

    fn constraint(&self, grammar: TopLevelGrammar) -> Result<Constraint> {
        let parser = self.factory.create_parser(grammar).map_err(|error| {
            request("the wanted format cannot be used; change the schema").with_source(error)
        })?;
        Ok(Constraint { matcher: Matcher::new(Ok(parser)) })
    }
}

impl fmt::Debug for Constraints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Constraints").finish_non_exhaustive()
    }
}

/// The state of one reply within its grammar.
pub struct Constraint {
    matcher: Matcher,
}

impl Constraint {
    /// The tokens that may come next; only those that end the reply once it is complete and cannot go on.
    ///
    /// # Errors
    /// When the grammar grows beyond its limits.
    pub fn mask(&mut self) -> Result<TokenSet> {
        self.matcher
            .compute_mask_or_eos()
            .map(TokenSet)
            .map_err(|error| request("the wanted format is too large to follow").with_source(error))
    }

    /// Takes in the token that was sampled.
    ///
    /// # Errors
    /// When `token` is not in the [mask](Self::mask); the constraint is then of no further use.
    pub fn accept(&mut self, token: u32) -> Result<()> {
        // A grammar that can only end has stopped by itself, and would refuse the end token that follows.
        if self.matcher.is_stopped() && self.mask()?.contains(token) {
            return Ok(());
        }
        self.matcher.consume_token(token).map_err(|error| {
            request(format!("token {token} does not fit the wanted format; sample under the mask"))
                .with_source(error)
        })
    }

    /// Whether the reply is complete and nothing but its end can follow.
    pub fn is_finished(&self) -> bool {
        self.matcher.is_stopped()
    }

    /// Whether the reply could end here.
    pub fn can_finish(&mut self) -> bool {
        self.matcher.is_accepting().unwrap_or(false)
    }
}

impl Clone for Constraint {
    fn clone(&self) -> Self {
        Self { matcher: self.matcher.deep_clone() }
    }
}

impl fmt::Debug for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Constraint").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}

/// The bytes of a token; markers are set apart from any text by a byte that no UTF-8 has.
fn word(tokenizer: &Tokenizer, id: u32) -> Vec<u8> {
    let bytes = tokenizer.bytes(id);
    if tokenizer.is_added(id) {
        return [&[TokTrie::SPECIAL_TOKEN_MARKER], bytes].concat();
    }
    bytes.to_vec()
}

/// `text` as a regular expression that matches only it.
fn escape(text: &str) -> String {
    let meta = |character: char| r"\.+*?()|[]{}^$#&-~/".contains(character);
    text.chars()
        .flat_map(|character| meta(character).then_some('\\').into_iter().chain([character]))
        .collect()
}

fn request(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Request, message)
}
