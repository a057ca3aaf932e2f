//! Example conversations as training rows.

use policy::{demonstration::Demonstrations, trajectory::Trajectory};
use serde_json::Value;

use super::{Embedded, policy, refused};
use crate::error::{Error, ErrorKind, Result};

impl Embedded {
    /// The rows of an example: an object with `messages` (and perhaps `tools`), as chat templates take them. What the
    /// assistant says is trained, up to the token that ends it.
    ///
    /// # Errors
    /// [`ErrorKind::Dataset`] when it is no such object; as [`Demonstrations::rows`] otherwise.
    pub(crate) fn demonstration(&self, row: &Value) -> Result<Vec<Trajectory>> {
        let messages = row.get("messages").and_then(Value::as_array).ok_or_else(|| {
            let message =
                "it has no column `messages`, a list of { role, content }: warm starts take conversations";
            Error::new(ErrorKind::Dataset, message)
        })?;
        let tools = row.get("tools").and_then(Value::as_array).map(Vec::as_slice);
        let stop_tokens = &self.generation.eos_token_ids;
        let demonstrations =
            Demonstrations { template: &self.template, tokenizer: &self.tokenizer, stop_tokens };
        demonstrations.rows(messages, tools).map_err(refused)
    }
}
