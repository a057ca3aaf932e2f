//! JSON that fits a schema.

use jsonschema::Validator;
use serde_json::Value;

use super::feedback::{quoted, wrong};
use crate::{
    error::{Error, ErrorKind, Result},
    judge::Reward,
};

/// Most faults that feedback lists.
const MOST: usize = 5;

/// A compiled JSON schema, of the draft that its `$schema` names, else 2020-12.
#[derive(Clone, Debug)]
pub struct Schema(Validator);

impl Schema {
    /// Compiles `schema`. References inside it are followed; nothing is ever fetched.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] says what is no schema, or which reference leads outside.
    pub fn new(schema: &Value) -> Result<Self> {
        jsonschema::validator_for(schema).map(Self).map_err(|error| {
            let message = format!("not a JSON schema, or one that refers to another document: {error}");
            Error::new(ErrorKind::Config, message)
        })
    }

    /// 1 when `answer` is JSON that fits, else 0 with every fault and its path; a Markdown fence around it is left out.
    ///
    /// Metric: `faults`, their number; 1 where the answer is no JSON.
    pub fn judge(&self, answer: &str) -> Reward {
        match serde_json::from_str(unfenced(answer)) {
            Ok(value) => self.judge_value(&value),
            Err(error) => {
                wrong(format!("the answer {} is not JSON: {error}", quoted(answer))).metric("faults", 1.0)
            }
        }
    }

    /// As [`judge`](Self::judge), of a value.
    pub fn judge_value(&self, answer: &Value) -> Reward {
        let faults: Vec<_> = self
            .0
            .iter_errors(answer)
            .map(|fault| match fault.instance_path().as_str() {
                "" => fault.to_string(),
                path => format!("at {path}: {fault}"),
            })
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "faults are few")]
        let reward = Reward::from(faults.is_empty()).metric("faults", faults.len() as f64);
        match faults.len() {
            0 => reward,
            all => {
                let more = if all > MOST { format!("; and {} more", all - MOST) } else { String::new() };
                let shown = faults.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join("; ");
                reward.feedback(format!("the answer does not fit the schema: {shown}{more}"))
            }
        }
    }
}

/// The content of a Markdown code fence, where the answer is one.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let Some(fenced) = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")) else {
        return text;
    };
    fenced.split_once('\n').map_or(fenced, |(_, body)| body).trim()
}
