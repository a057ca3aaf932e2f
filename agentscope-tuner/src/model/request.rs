//! What is asked of a model.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::message::Msg;

/// A conversation to be continued, and how.
///
/// ```
/// use agentscope_tuner::{message::Msg, model::ChatRequest};
/// let request = ChatRequest::new([Msg::user("2 + 2?")]).temperature(0.0).max_tokens(16);
/// assert_eq!(request.sampling.max_tokens, Some(16));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest {
    /// The conversation so far.
    pub messages: Vec<Msg>,
    /// Tools that the model may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolSpec>,
    /// Whether it may, must or must not call one.
    #[serde(default, skip_serializing_if = "ToolChoice::is_auto")]
    pub tool_choice: ToolChoice,
    /// Whether several tools may be called in one answer; the provider's default when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
    /// The form of the answer, when it is not free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormat>,
    /// How tokens are drawn.
    #[serde(default)]
    pub sampling: Sampling,
    /// Log-probabilities of the answer's tokens, with this many alternatives each (0 to 20).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<u8>,
}

/// How tokens are drawn. What is unset is left to the slot, then to the provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Sampling {
    /// 0 is greedy; usually at most 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Share of probability mass that is kept, in (0, 1].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Number of tokens that are kept, at least 1; an embedded model takes 0 for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    /// Most tokens in the answer, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Penalty on tokens that appeared, in [-2, 2].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// Penalty on tokens by how often they appeared, in [-2, 2].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// Texts at which the answer ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Makes an answer reproducible where the provider can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// How much a reasoning model thinks, in the provider's words (`low`, `medium`, `high`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<String>,
    /// Fields that are added to the provider's request as they are.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// Whether the model may call tools.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolChoice {
    /// It decides.
    #[default]
    Auto,
    /// It must not.
    None,
    /// It must call at least one.
    Required,
    /// It must call the tool of this name.
    #[serde(untagged)]
    Tool(String),
}

/// A tool as the model sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Name, `[A-Za-z0-9_-]{1,64}`.
    pub name: Cow<'static, str>,
    /// What it does and when to use it.
    pub description: Cow<'static, str>,
    /// JSON schema of its arguments, an object.
    pub parameters: Value,
}

/// The form of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResponseFormat {
    /// Any JSON object.
    JsonObject,
    /// JSON that fits a schema.
    JsonSchema {
        /// Name of the schema, `[A-Za-z0-9_-]{1,64}`.
        name: String,
        /// The schema.
        schema: Value,
    },
}

impl ChatRequest {
    /// A request that continues `messages`.
    pub fn new(messages: impl IntoIterator<Item = Msg>) -> Self {
        Self { messages: messages.into_iter().collect(), ..Self::default() }
    }

    /// Adds tools that the model may call.
    #[must_use]
    pub fn tools(mut self, tools: impl IntoIterator<Item = ToolSpec>) -> Self {
        self.tools.extend(tools);
        self
    }

    /// Says whether tools may be called.
    #[must_use]
    pub fn tool_choice(mut self, choice: ToolChoice) -> Self {
        self.tool_choice = choice;
        self
    }

    /// Sets the form of the answer.
    #[must_use]
    pub fn response_format(mut self, format: ResponseFormat) -> Self {
        self.response_format = Some(format);
        self
    }

    /// Sets the temperature.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.sampling.temperature = Some(temperature);
        self
    }

    /// Sets the most tokens of the answer.
    #[must_use]
    pub fn max_tokens(mut self, tokens: u32) -> Self {
        self.sampling.max_tokens = Some(tokens);
        self
    }

    /// Sets the texts at which the answer ends.
    #[must_use]
    pub fn stop(mut self, stop: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.sampling.stop = stop.into_iter().map(Into::into).collect();
        self
    }

    /// Asks for log-probabilities, with `alternatives` (0 to 20) for each token.
    #[must_use]
    pub fn logprobs(mut self, alternatives: u8) -> Self {
        self.logprobs = Some(alternatives);
        self
    }

    /// A copy with `sampling` where this request leaves settings open; `None` when that changes nothing.
    pub(crate) fn filled(&self, sampling: &Sampling) -> Option<Box<Self>> {
        if *sampling == Sampling::default() || *sampling == self.sampling {
            return None;
        }
        let filled = self.sampling.clone().or(sampling);
        (filled != self.sampling).then(|| Box::new(Self { sampling: filled, ..self.clone() }))
    }
}

impl Sampling {
    /// These settings, with `other` where they leave one open.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        self.temperature = self.temperature.or(other.temperature);
        self.top_p = self.top_p.or(other.top_p);
        self.top_k = self.top_k.or(other.top_k);
        self.max_tokens = self.max_tokens.or(other.max_tokens);
        self.presence_penalty = self.presence_penalty.or(other.presence_penalty);
        self.frequency_penalty = self.frequency_penalty.or(other.frequency_penalty);
        self.seed = self.seed.or(other.seed);
        if self.stop.is_empty() {
            self.stop.clone_from(&other.stop);
        }
        if self.reasoning_effort.is_none() {
            self.reasoning_effort.clone_from(&other.reasoning_effort);
        }
        for (name, value) in &other.extra {
            self.extra.entry(name).or_insert_with(|| value.clone());
        }
        self
    }

    /// Every setting that is out of its range, with the range.
    pub fn faults(&self) -> Vec<String> {
        let ranges = [
            ("temperature", self.temperature, 0.0, f64::MAX),
            ("top-p", self.top_p, f64::MIN_POSITIVE, 1.0),
            ("presence-penalty", self.presence_penalty, -2.0, 2.0),
            ("frequency-penalty", self.frequency_penalty, -2.0, 2.0),
        ];
        let outside = |&(_, value, low, high): &(&str, Option<f64>, f64, f64)| {
            value.is_some_and(|value| !(low..=high).contains(&value))
        };
        let mut faults: Vec<_> = ranges.iter().filter(|range| outside(range)).map(range_fault).collect();
        for (name, value) in [("top-k", self.top_k), ("max-tokens", self.max_tokens)] {
            if value == Some(0) {
                faults.push(format!("{name} is 0, but must be at least 1"));
            }
        }
        faults
    }
}

fn range_fault(&(name, value, low, high): &(&str, Option<f64>, f64, f64)) -> String {
    let value = value.unwrap_or_default();
    match (low, high) {
        (_, f64::MAX) => format!("{name} is {value}, but must be a number of at least {low}"),
        (f64::MIN_POSITIVE, _) => format!("{name} is {value}, but must lie in (0, {high}]"),
        _ => format!("{name} is {value}, but must lie in [{low}, {high}]"),
    }
}

impl ToolChoice {
    fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

impl ResponseFormat {
    /// The schema of `T`.
    pub fn of<T: JsonSchema>() -> Self {
        Self::JsonSchema { name: T::schema_name().into_owned(), schema: schemars::schema_for!(T).to_value() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_request_wins_over_the_slot() {
        let slot = Sampling { temperature: Some(0.7), max_tokens: Some(9), ..Sampling::default() };
        let request = ChatRequest::new([]).temperature(0.0);
        let filled = request.filled(&slot).unwrap();
        assert_eq!(filled.sampling.temperature, Some(0.0));
        assert_eq!(filled.sampling.max_tokens, Some(9));
        assert!(filled.filled(&slot).is_none());
    }

    #[test]
    fn every_setting_out_of_range_is_named() {
        let bad = Sampling {
            temperature: Some(f64::NAN),
            top_p: Some(0.0),
            max_tokens: Some(0),
            presence_penalty: Some(2.5),
            ..Sampling::default()
        };
        assert_eq!(bad.faults().len(), 4, "{:?}", bad.faults());
        assert!(
            Sampling { temperature: Some(0.0), top_p: Some(1.0), ..Sampling::default() }.faults().is_empty()
        );
    }

    #[test]
    fn tool_choice_reads_names_beside_keywords() {
        let read = |value| serde_json::from_value::<ToolChoice>(value).unwrap();
        assert_eq!(read(json!("required")), ToolChoice::Required);
        assert_eq!(read(json!("add")), ToolChoice::Tool("add".into()));
    }
}
