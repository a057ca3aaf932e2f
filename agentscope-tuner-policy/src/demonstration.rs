//! Example conversations as training rows: what the assistant says in them, as if it had been sampled.

use serde_json::{Map, Value};

use crate::{
    chat::{ChatTemplate, Conversation},
    error::{Error, ErrorKind, Result},
    tokenizer::Tokenizer,
    trajectory::{Trajectories, Trajectory, Turn},
};

/// Tokens that a template may write otherwise once a reply is followed by something.
const DRIFT: usize = 4;

/// How conversations become tokens.
#[derive(Clone, Copy, Debug)]
pub struct Demonstrations<'a> {
    /// Of the model that learns.
    pub template: &'a ChatTemplate,
    /// Of the model that learns.
    pub tokenizer: &'a Tokenizer,
    /// Ids that end a reply; the first one of each is trained too, what the template writes after it is not.
    pub stop_tokens: &'a [u32],
}

impl Demonstrations<'_> {
    /// The rows of a conversation, shaped as [`Conversation`] describes. Messages of the assistant are trained; their
    /// log-probabilities are 0, since nobody sampled them.
    ///
    /// # Errors
    /// When the template cannot render the conversation, or writes what stands before a reply otherwise once it is there.
    pub fn rows(&self, messages: &[Value], tools: Option<&[Value]>) -> Result<Vec<Trajectory>> {
        let said = |place: &usize| messages[*place].get("role").and_then(Value::as_str) == Some("assistant");
        let turns: Vec<Turn> = (0..messages.len())
            .filter(said)
            .map(|place| self.turn(messages, tools, place))
            .collect::<Result<_>>()?;
        Ok(Trajectories::merge(&turns, DRIFT).rows)
    }

    /// The message at `place`, with all that stands before it as its prompt.
    fn turn(&self, messages: &[Value], tools: Option<&[Value]>, place: usize) -> Result<Turn> {
        let render = |count: usize, add_generation_prompt: bool| {
            let messages = &messages[..count];
            self.template.render(&Conversation {
                messages,
                tools,
                add_generation_prompt,
                variables: Map::new(),
            })
        };
        let (prompt, whole) = (render(place, true)?, render(place + 1, false)?);
        let reply = whole.strip_prefix(prompt.as_str()).ok_or_else(|| {
            Error::new(
                ErrorKind::Tokenizer,
                format!(
                    "the chat template writes the conversation before message {place} otherwise once it is answered, so what the model would say cannot be told apart; use a template that only appends"
                ),
            )
        })?;
        let mut sampled = self.tokenizer.encode_chat(reply)?;
        let end = sampled.iter().position(|id| self.stop_tokens.contains(id));
        sampled.truncate(end.map_or(sampled.len(), |end| end + 1));
        let log_probs = vec![0.0; sampled.len()];
        Ok(Turn { prompt: self.tokenizer.encode_chat(&prompt)?, sampled, log_probs })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn parts(family: &str) -> (ChatTemplate, Tokenizer) {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models").join(family);
        let tokenizer = Tokenizer::open(&directory, usize::MAX).unwrap();
        (ChatTemplate::open(&directory, &tokenizer).unwrap(), tokenizer)
    }

    #[test]
    fn what_the_assistant_says_is_trained_up_to_its_end() {
        let (template, tokenizer) = parts("qwen2");
        let end = tokenizer.id("<|im_end|>").unwrap();
        let demonstrations =
            Demonstrations { template: &template, tokenizer: &tokenizer, stop_tokens: &[end] };
        let say = |role: &str, content: &str| json!({ "role": role, "content": content });
        let messages =
            [say("user", "one"), say("assistant", "two"), say("user", "three"), say("assistant", "four")];
        let rows = demonstrations.rows(&messages, None).unwrap();
        assert_eq!(rows.len(), 1, "the second turn goes on from the first");
        let trained: Vec<u32> =
            rows[0].ids.iter().zip(&rows[0].mask).filter(|(_, m)| **m).map(|(id, _)| *id).collect();
        let text = tokenizer.decode(&trained, false).unwrap();
        assert_eq!(text, "two<|im_end|>four<|im_end|>");
        assert!(demonstrations.rows(&messages[..1], None).unwrap().is_empty());
    }

    #[test]
    fn a_template_that_rewrites_the_past_is_refused() {
        let (_, tokenizer) = parts("qwen2");
        let template =
            ChatTemplate::new("{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}")
                .unwrap();
        let demonstrations = Demonstrations { template: &template, tokenizer: &tokenizer, stop_tokens: &[] };
        let message = demonstrations
            .rows(
                &[json!({ "role": "user", "content": "a" }), json!({ "role": "assistant", "content": "b" })],
                None,
            )
            .unwrap_err()
            .to_string();
        assert!(message.contains("before message 1") && message.contains("only appends"), "{message}");
    }
}
