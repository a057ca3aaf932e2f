//! What is known of a rollout once it has ended.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::store::Key;
use crate::{error::Limit, workflow::Spent};

/// A finished rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Name of the candidate when it ran.
    pub candidate: String,
    /// Id of the row.
    pub task_id: String,
    /// Which of several runs of the row, from 0.
    pub attempt: u32,
    /// How it ended.
    pub status: Status,
    /// The reward, where the rollout was scored: a finite number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reward: Option<f64>,
    /// Metrics of the workflow and the judge.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// The judge's reason in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<String>,
    /// The response as JSON; null where there is none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub response: Value,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The limit that cut it, whatever came of it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// What the workflow used.
    pub spent: Spent,
    /// What the judge used.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub judge_spent: Spent,
    /// Seconds that the workflow worked: waiting for a free place at an endpoint is not counted.
    pub seconds: f64,
    /// The calls that it and its judges made, in order: slot and key in the store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallRef>,
}

fn is_nothing(spent: &Spent) -> bool {
    *spent == Spent::default()
}

/// How a rollout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Status {
    /// It has a reward.
    Scored,
    /// The workflow failed, by its own fault: it counts as the worst.
    TaskFailed,
    /// An endpoint failed after all retries: it says nothing about the candidate.
    InfrastructureFailed,
    /// The judge failed: it says nothing about the candidate either.
    JudgeFailed,
}

impl Status {
    /// As written in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::TaskFailed => "task-failed",
            Self::InfrastructureFailed => "infrastructure-failed",
            Self::JudgeFailed => "judge-failed",
        }
    }

    /// Whether the candidate answers for it. What it does not answer for is run again on resume.
    pub fn counts(self) -> bool {
        matches!(self, Self::Scored | Self::TaskFailed)
    }
}

/// A call of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRef {
    /// The slot whose model was called, as `component.slot`.
    pub slot: Arc<str>,
    /// Where the call is in the store.
    #[serde(with = "hexadecimal")]
    pub key: Key,
}

/// Keys are written as 32 hexadecimal digits, as SQLite's `hex()` shows them but in lower case.
pub(super) mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Key;

    pub(super) fn serialize<S: Serializer>(key: &Key, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(digits(key, &mut [0; 32]))
    }

    pub(in crate::rollout) fn text(key: &Key) -> String {
        digits(key, &mut [0; 32]).to_owned()
    }

    fn digits<'a>(key: &Key, room: &'a mut [u8; 32]) -> &'a str {
        let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
        for (pair, byte) in room.chunks_exact_mut(2).zip(key) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        str::from_utf8(room).expect("digits are UTF-8")
    }

    pub(in crate::rollout) fn read(text: &str) -> Option<Key> {
        u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Key, D::Error> {
        let text = String::deserialize(from)?;
        u128::from_str_radix(&text, 16).map(u128::to_be_bytes).map_err(D::Error::custom)
    }
}
