//! What the cells of a CSV column are: the rules of `pandas.read_csv`, made safe for streaming.
//!
//! A column is typed by the first rows of the first file of a split: numbers if every cell is one, booleans if
//! every cell is one, else text. Empty cells and the usual words for nothing are null in every column, and never
//! decide a type. Later cells cannot change the type: in a text column they are text whatever they look like, and
//! in another column a cell of another type is an error. Unlike with pandas, whole numbers stay whole in a column
//! with nulls, and a number beyond 64 bits makes its column text.

use std::collections::HashMap;

use serde_json::{Number, Value};

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dataset) enum ColumnType {
    /// Only whole numbers were seen; later ones may have a fraction.
    Integer,
    /// Every number becomes a float.
    Float,
    Boolean,
    Text,
}

/// Column types by name, as far as they are decided.
#[derive(Clone, Debug, Default)]
pub(in crate::dataset) struct ColumnTypes(pub(super) HashMap<String, ColumnType>);

/// What pandas reads as nothing.
const NULLS: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
    "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
];

/// The narrowest type that holds all `cells`; text when there is nothing to go by.
pub(super) fn infer<'a>(cells: impl Iterator<Item = &'a str>) -> ColumnType {
    let mut found = None;
    for cell in cells.filter(|cell| !is_null(cell)) {
        found = match (found, of_cell(cell)) {
            (_, ColumnType::Text) => return ColumnType::Text,
            (None, kind) => Some(kind),
            (Some(ColumnType::Boolean), ColumnType::Boolean) => found,
            (Some(ColumnType::Boolean), _) | (Some(_), ColumnType::Boolean) => return ColumnType::Text,
            (Some(ColumnType::Integer), kind) => Some(kind),
            (Some(kind), _) => Some(kind),
        };
    }
    found.unwrap_or(ColumnType::Text)
}

/// The cell as a value of type `kind`, or `None` when it is of another type.
pub(super) fn value(cell: &str, kind: ColumnType) -> Option<Value> {
    if is_null(cell) {
        return Some(Value::Null);
    }
    match kind {
        ColumnType::Text => Some(cell.into()),
        ColumnType::Boolean => boolean(cell).map(Value::from),
        ColumnType::Integer => integer(cell).or_else(|| float(cell)).map(Value::Number),
        ColumnType::Float => float(cell).map(Value::Number),
    }
}

fn is_null(cell: &str) -> bool {
    NULLS.contains(&cell)
}

fn of_cell(cell: &str) -> ColumnType {
    match cell {
        _ if integer(cell).is_some() => ColumnType::Integer,
        _ if is_integer(cell) => ColumnType::Text,
        _ if float(cell).is_some() => ColumnType::Float,
        _ if boolean(cell).is_some() => ColumnType::Boolean,
        _ => ColumnType::Text,
    }
}

fn boolean(cell: &str) -> Option<bool> {
    match cell {
        "True" | "TRUE" | "true" => Some(true),
        "False" | "FALSE" | "false" => Some(false),
        _ => None,
    }
}

fn integer(cell: &str) -> Option<Number> {
    let cell = cell.trim_ascii();
    cell.parse::<i64>().map(Number::from).or_else(|_| cell.parse::<u64>().map(Number::from)).ok()
}

/// Digits with a sign, however many.
fn is_integer(cell: &str) -> bool {
    let cell = cell.trim_ascii();
    let digits = cell.strip_prefix(['+', '-']).unwrap_or(cell);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A finite decimal number. Rust would also read words such as `infinity`.
fn float(cell: &str) -> Option<Number> {
    let cell = cell.trim_ascii();
    let numeric = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    if !cell.bytes().all(numeric) {
        return None;
    }
    cell.parse().ok().and_then(Number::from_f64)
}

impl ColumnType {
    /// For messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Integer | Self::Float => "a number",
            Self::Boolean => "a boolean",
            Self::Text => "text",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cells: &[&str]) -> Value {
        let kind = infer(cells.iter().copied());
        cells.iter().map(|cell| value(cell, kind).unwrap()).collect()
    }

    #[test]
    fn types_are_those_of_pandas() {
        use serde_json::json;
        assert_eq!(read(&["1", " -2", "+3", "007"]), json!([1, -2, 3, 7]));
        assert_eq!(read(&["1", "", "NA"]), json!([1, null, null]));
        assert_eq!(read(&["1", "2.5", "1e3", ".5", "5."]), json!([1.0, 2.5, 1000.0, 0.5, 5.0]));
        assert_eq!(read(&["true", "FALSE", "None"]), json!([true, false, null]));
        assert_eq!(read(&["true", "1"]), json!(["true", "1"]));
        assert_eq!(read(&["1", "x", "null"]), json!(["1", "x", null]));
        assert_eq!(read(&["18446744073709551615", "1"]), json!([u64::MAX, 1]));
        assert_eq!(read(&["18446744073709551616", "1"]), json!(["18446744073709551616", "1"]));
        assert_eq!(read(&["inf", "1"]), json!(["inf", "1"]));
        assert_eq!(read(&["", "nan"]), json!([null, null]));
    }

    #[test]
    fn a_later_cell_of_another_type_is_refused() {
        assert_eq!(value("x", ColumnType::Integer), None);
        assert_eq!(value("1", ColumnType::Boolean), None);
        assert_eq!(value("1.5", ColumnType::Integer), Some(1.5.into()));
        assert_eq!(value("1", ColumnType::Text), Some("1".into()));
    }
}
