//! The answer of chat completions, as one object.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};

use super::parts::{Parts, RawCall};
use crate::model::{TokenLogprob, Usage};

/// `chat.completion`, or a `chat.completion.chunk` of it. Every field may be missing: endpoints differ.
#[derive(Deserialize)]
pub(super) struct Completion<'a> {
    #[serde(default)]
    pub(super) model: Option<String>,
    #[serde(default, borrow)]
    pub(super) choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    pub(super) usage: Option<WireUsage>,
    #[serde(default)]
    pub(super) prompt_token_ids: Option<Vec<u32>>,
    /// Set when a proxy reports a failure with status 200.
    #[serde(default)]
    pub(super) error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(default)]
    pub(super) index: usize,
    #[serde(default)]
    message: Option<Message>,
    /// In a chunk: what is new. Boxed, so that lists of choices stay small where there is none.
    #[serde(default)]
    pub(super) delta: Option<Box<Message>>,
    #[serde(default, borrow)]
    pub(super) finish_reason: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) logprobs: Option<WireLogprobs>,
    #[serde(default)]
    pub(super) token_ids: Option<Vec<u32>>,
}

#[derive(Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    pub(super) content: Text,
    #[serde(default)]
    reasoning_content: Text,
    #[serde(default)]
    reasoning: Text,
    #[serde(default)]
    pub(super) refusal: Text,
    #[serde(default)]
    pub(super) tool_calls: Option<Vec<WireCall>>,
}

impl Message {
    /// The reasoning, under whichever name it came.
    pub(super) fn take_thinking(&mut self) -> String {
        let own = std::mem::take(&mut self.reasoning_content.0);
        if own.is_empty() { std::mem::take(&mut self.reasoning.0) } else { own }
    }
}

#[derive(Deserialize)]
pub(super) struct WireCall {
    #[serde(default)]
    pub(super) index: Option<usize>,
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) function: WireFunction,
}

#[derive(Default, Deserialize)]
pub(super) struct WireFunction {
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) arguments: Text,
}

impl Completion<'_> {
    /// The parts of the first choice; `None` when there is none.
    pub(super) fn parts(self) -> Option<Parts> {
        let choice = self.choices?.into_iter().next()?;
        let mut message = choice.message?;
        let thinking = message.take_thinking();
        let calls = message.tool_calls.unwrap_or_default();
        Some(Parts {
            model: self.model.unwrap_or_default(),
            text: message.content.0,
            thinking,
            refusal: message.refusal.0,
            calls: calls.into_iter().map(RawCall::from).collect(),
            finish: choice.finish_reason.map(Cow::into_owned),
            usage: self.usage.map(Usage::from),
            logprobs: choice.logprobs.and_then(|logprobs| logprobs.content),
            prompt_ids: self.prompt_token_ids,
            ids: choice.token_ids,
        })
    }
}

impl From<WireCall> for RawCall {
    fn from(call: WireCall) -> Self {
        Self {
            id: call.id.unwrap_or_default(),
            name: call.function.name.unwrap_or_default(),
            arguments: call.function.arguments.0,
        }
    }
}

/// Text that may be a string, null, a list of parts that hold text, or, for arguments, an object.
#[derive(Default)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Pieces;
        impl<'de> Visitor<'de> for Pieces {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, null or a list of text parts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Text, E> {
                Ok(Text(text))
            }

            fn visit_unit<E>(self) -> Result<Text, E> {
                Ok(Text::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Text, A::Error> {
                #[derive(Deserialize)]
                struct TextPart {
                    #[serde(default)]
                    text: Option<String>,
                }
                let mut all = String::new();
                while let Some(part) = parts.next_element::<TextPart>()? {
                    all.push_str(part.text.as_deref().unwrap_or_default());
                }
                Ok(Text(all))
            }

            /// Arguments that an endpoint forgot to write as a string.
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Text, A::Error> {
                let value =
                    serde_json::Value::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Text(value.to_string()))
            }
        }
        from.deserialize_any(Pieces)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct WireUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<InputDetails>,
    completion_tokens_details: Option<OutputDetails>,
    /// DeepSeek's own name.
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

impl From<WireUsage> for Usage {
    fn from(usage: WireUsage) -> Self {
        let cached = usage.prompt_tokens_details.and_then(|details| details.cached_tokens);
        let reasoning = usage.completion_tokens_details.and_then(|details| details.reasoning_tokens);
        Self {
            input_tokens: usage.prompt_tokens.unwrap_or_default(),
            output_tokens: usage.completion_tokens.unwrap_or_default(),
            cached_tokens: cached.or(usage.prompt_cache_hit_tokens).unwrap_or_default(),
            reasoning_tokens: reasoning.unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct WireLogprobs {
    #[serde(default, deserialize_with = "token_logprobs")]
    pub(super) content: Option<Vec<TokenLogprob>>,
}

fn token_logprobs<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<TokenLogprob>>, D::Error> {
    #[derive(Deserialize)]
    struct Each {
        token: String,
        logprob: f64,
        #[serde(default)]
        top_logprobs: Option<Vec<Top>>,
    }
    #[derive(Deserialize)]
    struct Top {
        token: String,
        logprob: f64,
    }
    let list = Option::<Vec<Each>>::deserialize(from)?;
    Ok(list.map(|list| {
        let each = |Each { token, logprob, top_logprobs }: Each| {
            let top = top_logprobs.unwrap_or_default();
            TokenLogprob {
                token,
                logprob,
                top: top.into_iter().map(|top| (top.token, top.logprob)).collect(),
            }
        };
        list.into_iter().map(each).collect()
    }))
}

#[cfg(test)]
mod tests;
