//! Example conversations as training rows.

use policy::{
    chat::Conversation,
    trajectory::{Trajectories, Trajectory, Turn},
};
use serde_json::{Map, Value};

use super::{Embedded, policy, refused};
use crate::error::{Error, ErrorKind, Result};

/// Tokens that a template may write otherwise once a reply is followed by something.
const DRIFT: usize = 4;

impl Embedded {
    /// The rows of an example: an object with `messages` (and perhaps `tools`), as chat templates take them. What the
    /// assistant says is trained, up to the token that ends it.
    ///
    /// # Errors
    /// [`ErrorKind::Dataset`] when it is no such object, or the template cannot render it.
    pub(crate) fn demonstration(&self, row: &Value) -> Result<Vec<Trajectory>> {
        let messages = row.get("messages").and_then(Value::as_array).ok_or_else(|| {
            let message =
                "it has no column `messages`, a list of { role, content }: warm starts take conversations";
            Error::new(ErrorKind::Dataset, message)
        })?;
        let tools = row.get("tools").and_then(Value::as_array).map(Vec::as_slice);
        let said = |place: &usize| messages[*place].get("role").and_then(Value::as_str) == Some("assistant");
        let turns: Vec<Turn> = (0..messages.len())
            .filter(said)
            .map(|place| self.turn(messages, tools, place))
            .collect::<Result<_>>()?;
        Ok(Trajectories::merge(&turns, DRIFT).rows)
    }

    /// The message at `place`, as if it had been sampled.
    fn turn(&self, messages: &[Value], tools: Option<&[Value]>, place: usize) -> Result<Turn> {
        let render = |count: usize, add_generation_prompt: bool| {
            let messages = &messages[..count];
            let conversation = Conversation { messages, tools, add_generation_prompt, variables: Map::new() };
            self.template.render(&conversation).map_err(refused)
        };
        let (prompt, whole) = (render(place, true)?, render(place + 1, false)?);
        let reply = whole.strip_prefix(prompt.as_str()).ok_or_else(|| {
            let message = format!(
                "the chat template writes the conversation before message {place} otherwise once it is answered, so what the model would say cannot be told apart"
            );
            Error::new(ErrorKind::Dataset, message)
        })?;
        let encode = |text: &str| self.tokenizer.encode_chat(text).map_err(refused);
        let (prompt, mut sampled) = (encode(&prompt)?, encode(reply)?);
        let end = sampled.iter().position(|id| self.generation.eos_token_ids.contains(id));
        sampled.truncate(end.map_or(sampled.len(), |end| end + 1));
        // Nobody sampled it: any number marks it as trained.
        let log_probs = vec![0.0; sampled.len()];
        Ok(Turn { prompt, sampled, log_probs })
    }
}
