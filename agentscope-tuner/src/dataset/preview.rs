//! A first look at a dataset: splits and their sizes, the first rows, and what their columns hold.

use std::{fmt, path::PathBuf};

use serde_json::Value;

use super::row::Row;

/// The first rows of a dataset and what can be said of it without reading the rest.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The first rows of the chosen split.
    pub rows: Vec<Row>,
    /// The columns of these rows, in the order in which they appear.
    pub columns: Vec<Column>,
    /// All splits of the subset.
    pub splits: Vec<SplitInfo>,
}

/// A column as far as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The types of its values, null aside, in the order in which they appear. Empty when all are null.
    pub types: Vec<JsonType>,
    /// Whether a row was seen in which it is null or absent.
    pub nullable: bool,
}

/// A split and its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitInfo {
    /// As in [`Dataset::split`](super::Dataset::split).
    pub name: String,
    /// In reading order; empty for rows in memory.
    pub files: Vec<PathBuf>,
    /// Number of rows, where it is known without reading the files: in memory and for parquet.
    pub rows: Option<u64>,
    /// Size of the files on disk, where it is known.
    pub bytes: Option<u64>,
}

/// What a JSON value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JsonType {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number without a fraction.
    Integer,
    /// Any other number.
    Float,
    /// Text.
    String,
    /// A list.
    Array,
    /// Names and values.
    Object,
}

impl JsonType {
    /// The type of `value`.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_f64() => Self::Float,
            Value::Number(_) => Self::Integer,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }
}

/// With its article, for sentences.
impl fmt::Display for JsonType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Integer => "an integer",
            Self::Float => "a float",
            Self::String => "a string",
            Self::Array => "a list",
            Self::Object => "an object",
        })
    }
}

/// The columns of `rows`.
pub(super) fn columns(rows: &[Row]) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let Value::Object(cells) = &row.value else { continue };
        for name in cells.keys() {
            if columns.iter().all(|column| column.name != *name) {
                columns.push(Column { name: name.clone(), types: Vec::new(), nullable: at > 0 });
            }
        }
        for column in &mut columns {
            match cells.get(&column.name) {
                None | Some(Value::Null) => column.nullable = true,
                Some(value) => {
                    let kind = JsonType::of(value);
                    if !column.types.contains(&kind) {
                        column.types.push(kind);
                    }
                }
            }
        }
    }
    columns
}
