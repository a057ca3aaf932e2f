//! The tables as they are written.

use serde::{Deserialize, de::DeserializeOwned};

/// `kind = "weighted"`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parts {
    #[serde(rename = "kind")]
    _kind: String,
    pub(super) parts: Vec<Part>,
}

/// A part of a weighted sum.
#[derive(Deserialize)]
pub(super) struct Part {
    pub(super) weight: f64,
    pub(super) judge: Option<String>,
    pub(super) name: Option<String>,
    /// The table of a judge written in place.
    #[serde(flatten)]
    pub(super) rest: toml::Table,
}

/// Reads `table` into `T`.
pub(super) fn fit<T: DeserializeOwned>(table: toml::Table) -> Result<T, String> {
    T::deserialize(toml::Value::Table(table)).map_err(|error| error.to_string().trim_end().to_owned())
}

/// Takes the value of `key` out of `table`.
pub(super) fn take<T: DeserializeOwned>(table: &mut toml::Table, key: &str) -> Result<Option<T>, String> {
    let value = table.remove(key).map(T::deserialize).transpose();
    value.map_err(|error| format!("`{key}`: {}", error.to_string().trim_end()))
}
