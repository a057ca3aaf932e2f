//! How a model wants to be sampled: `generation_config.json`.

use serde_json::{Map, Value};

use super::{fields::Fields, write::shortest};
use crate::error::Result;

/// The sampling settings that a checkpoint recommends; none means that it leaves the setting to the caller.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GenerationConfig {
    /// Ids that end a reply.
    pub eos_token_ids: Vec<u32>,
    /// Id that begins a sequence.
    pub bos_token_id: Option<u32>,
    /// Id that fills rows of a batch; never attended to.
    pub pad_token_id: Option<u32>,
    /// False asks for the most likely token at every step.
    pub do_sample: Option<bool>,
    /// Divisor of the logits, above 0; 0 in the file means greedy, as some publish it.
    pub temperature: Option<f32>,
    /// Smallest probability mass that is sampled from, above 0 and at most 1.
    pub top_p: Option<f32>,
    /// Number of most likely tokens that are sampled from; 0 means all.
    pub top_k: Option<usize>,
    /// Tokens below this share of the likeliest one's probability are left out, 0 to 1.
    pub min_p: Option<f32>,
    /// Logits of earlier tokens are divided (positive ones) or multiplied (negative ones) by it, above 0.
    pub repetition_penalty: Option<f32>,
    /// Longest reply, in tokens.
    pub max_new_tokens: Option<usize>,
}

impl GenerationConfig {
    /// Reads a `generation_config.json`, and for the token ids that it leaves out the `config.json` beside it.
    ///
    /// # Errors
    /// One error that lists every fault.
    pub fn from_json(generation: &Map<String, Value>, config: &Map<String, Value>) -> Result<Self> {
        let mut own = Fields::new(generation);
        let mut outer = Fields::new(config);
        let mut ids = |key: &str| {
            Some(own.token_ids(key)).filter(|ids| !ids.is_empty()).unwrap_or_else(|| outer.token_ids(key))
        };
        let eos_token_ids = ids("eos_token_id");
        let bos_token_id = ids("bos_token_id").first().copied();
        let pad_token_id = ids("pad_token_id").first().copied();
        let share = |number: f32| (0.0..=1.0).contains(&number);
        let mut number = |key, range, valid: fn(f32) -> bool| own.number(key, range, valid);
        let read = Self {
            eos_token_ids,
            bos_token_id,
            pad_token_id,
            temperature: number("temperature", "a number of at least 0", |number| number >= 0.0),
            top_p: number("top_p", "a number above 0 and at most 1", |number| 0.0 < number && number <= 1.0),
            min_p: number("min_p", "a number from 0 to 1", share),
            repetition_penalty: number("repetition_penalty", "a number above 0", |number| number > 0.0),
            do_sample: own.flag("do_sample"),
            top_k: own.count("top_k"),
            max_new_tokens: own.size("max_new_tokens"),
        };
        own.finish("`generation_config.json` cannot be used")?;
        outer.finish("`config.json` cannot be used")?;
        Ok(read)
    }

    /// The settings as the object of a `generation_config.json`.
    pub fn to_json(&self) -> Map<String, Value> {
        let ids = match &self.eos_token_ids[..] {
            [] => Value::Null,
            [id] => (*id).into(),
            ids => ids.into(),
        };
        let number = |number: Option<f32>| number.map_or(Value::Null, shortest);
        let fields: [(&str, Value); 10] = [
            ("bos_token_id", self.bos_token_id.into()),
            ("eos_token_id", ids),
            ("pad_token_id", self.pad_token_id.into()),
            ("do_sample", self.do_sample.into()),
            ("temperature", number(self.temperature)),
            ("top_p", number(self.top_p)),
            ("top_k", self.top_k.into()),
            ("min_p", number(self.min_p)),
            ("repetition_penalty", number(self.repetition_penalty)),
            ("max_new_tokens", self.max_new_tokens.into()),
        ];
        fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.into(), value))
            .collect()
    }
}
