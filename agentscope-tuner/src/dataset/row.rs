//! One row, where it came from, and its typed reading.

use std::{fmt, path::Path, sync::Arc};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

/// One row of a split.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Stable name of the row: the split and the zero-based position in it, as in `train/12`. A slice, a limit
    /// or a shuffle does not change it.
    pub id: String,
    /// Zero-based position in the split, counted over all its files.
    pub index: u64,
    /// The columns, a JSON object for every row that was read from a file.
    pub value: Value,
    /// File and place.
    pub origin: Origin,
}

/// Where a row came from. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file as the user would name it, or `None` for rows that were given in memory.
    pub file: Option<Arc<Path>>,
    /// Where in it.
    pub place: Place,
}

/// A place within a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// One-based line on which the row begins.
    Line(u64),
    /// Zero-based number of the row, where the format has no lines.
    Row(u64),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.place) {
            (Some(file), Place::Line(line)) => write!(f, "{}:{line}", file.display()),
            (Some(file), Place::Row(row)) => write!(f, "{} row {row}", file.display()),
            (None, Place::Line(at) | Place::Row(at)) => write!(f, "row {at} in memory"),
        }
    }
}

impl Row {
    /// Reads the row as a `T`.
    ///
    /// # Errors
    /// [`ErrorKind::Task`] when the row does not fit; the message names the row, its file and line, the path of
    /// the field, what was expected, and what to change.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        serde_path_to_error::deserialize(&self.value).map_err(|error| self.misfit(&error))
    }

    fn misfit(&self, error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
        let path = error.path().to_string();
        let field = if path == "." { String::new() } else { format!("field `{path}`: ") };
        let problem = error.inner().to_string();
        let remedy = if problem.starts_with("missing field") || problem.starts_with("unknown field") {
            format!(
                "the row has {}; rename the field, mark it `#[serde(default)]` or make it an `Option`",
                self.columns()
            )
        } else {
            "correct the row, or the type of the field in the task".into()
        };
        let message = format!("row {} ({}) does not fit: {field}{problem}; {remedy}", self.id, self.origin);
        Error::new(ErrorKind::Task, message)
    }

    fn columns(&self) -> String {
        match &self.value {
            Value::Object(columns) if columns.is_empty() => "no columns".into(),
            Value::Object(columns) => {
                let names: Vec<_> = columns.keys().map(|name| format!("`{name}`")).collect();
                format!("the columns {}", names.join(", "))
            }
            other => format!("no columns, it is {}", super::preview::JsonType::of(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Task {
        question: String,
        steps: Vec<Step>,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Step {
        cost: u32,
    }

    fn row(value: Value) -> Row {
        let file: Arc<Path> = Path::new("data/train.jsonl").into();
        Row {
            id: "train/12".into(),
            index: 12,
            value,
            origin: Origin { file: Some(file), place: Place::Line(13) },
        }
    }

    #[test]
    fn the_path_of_the_field_is_named() {
        let error = row(json!({"question": "q", "steps": [{"cost": 1}, {"cost": "two"}]})).parse::<Task>();
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Task);
        let text = error.to_string();
        for part in ["train/12", "data/train.jsonl:13", "`steps[1].cost`", "expected u32", "correct the row"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_missing_field_lists_the_columns() {
        let text = row(json!({"query": "q", "steps": []})).parse::<Task>().unwrap_err().to_string();
        assert!(text.contains("missing field `question`"), "{text}");
        assert!(text.contains("`query`, `steps`"), "{text}");
    }

    #[test]
    fn a_row_that_fits_is_read() {
        let task: Task = row(json!({"question": "q", "steps": [{"cost": 3}], "more": 1})).parse().unwrap();
        assert_eq!((task.question.as_str(), task.steps[0].cost), ("q", 3));
    }
}
