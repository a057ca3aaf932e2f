use std::io::Cursor;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read_with(bytes: &[u8], types: &mut ColumnTypes) -> Result<Vec<(Value, Place)>> {
    let input: Input = Box::new(Cursor::new(bytes.to_vec()));
    let mut reader = CsvReader::new(input, Path::new("x.csv").into(), b',', types)?;
    std::iter::from_fn(|| reader.next_row().transpose()).map(|row| row.map(|r| (r.value, r.place))).collect()
}

fn read(text: &str) -> Result<Vec<(Value, Place)>> {
    read_with(text.as_bytes(), &mut ColumnTypes::default())
}

fn values(text: &str) -> Vec<Value> {
    read(text).unwrap().into_iter().map(|row| row.0).collect()
}

#[test]
fn quotes_blank_lines_and_line_numbers() {
    let rows = read("a,b\n\"x,\n\"\"y\"\"\",1\n\n  \nz,2\r\n").unwrap();
    assert_eq!(
        rows,
        [(json!({"a": "x,\n\"y\"", "b": 1}), Place::Line(2)), (json!({"a": "z", "b": 2}), Place::Line(6))]
    );
    assert_eq!(values("a,b\n5\" pipe,it's\n"), [json!({"a": "5\" pipe", "b": "it's"})]);
}

#[test]
fn header_names_are_made_distinct() {
    assert_eq!(
        distinct(["a", "", "a", "a.1", "a"].map(String::from).into()),
        ["a", "Unnamed: 1", "a.2", "a.1", "a.3"]
    );
    assert_eq!(values("a,a,\n1,2,3\n"), [json!({"a": 1, "a.1": 2, "Unnamed: 2": 3})]);
    assert!(values("").is_empty() && values("a,b\n").is_empty());
}

#[test]
fn faults_name_the_line() {
    let cases = [
        ("a,b\n1,2\n3\n", "x.csv:3:1: the record has 1 cells and the header 2"),
        ("a,b\n1,2,3\n", "x.csv:2:1: the record has 3 cells"),
        ("a,b\n1,2\n3,\"four\n", "x.csv:3:1: the quote that opens a cell here is never closed"),
        ("a,b\n\"", "x.csv:2:1: the quote"),
    ];
    for (text, start) in cases {
        let error = read(text).unwrap_err().to_string();
        assert!(error.starts_with(start), "{error}");
    }
    let error = read_with(b"a,b\n1,\xff\n", &mut ColumnTypes::default()).unwrap_err().to_string();
    assert!(error.starts_with("x.csv:2:1: column `b` is not UTF-8"), "{error}");
}

#[test]
fn a_fault_in_the_prefix_comes_after_the_rows_before_it() {
    let input: Input = Box::new(Cursor::new(b"a,b\n1,2\n3\n".to_vec()));
    let mut reader =
        CsvReader::new(input, Path::new("x.csv").into(), b',', &mut ColumnTypes::default()).unwrap();
    assert!(reader.next_row().unwrap().is_some());
    assert!(reader.next_row().is_err());
}

#[test]
fn a_contradiction_after_the_prefix_names_line_and_column() {
    let mut text = String::from("n,t\n");
    for row in 0..PREFIX_ROWS {
        text += &format!("{row},t{row}\n");
    }
    let with = |last: &str| read(&format!("{text}{last}"));
    assert_eq!(with("1.5,7\n").unwrap().pop().unwrap().0, json!({"n": 1.5, "t": "7"}));
    let error = with("many,7\n").unwrap_err().to_string();
    let start = format!("x.csv: line {}, column `n`: `many` is not a number", PREFIX_ROWS + 2);
    assert!(error.starts_with(&start) && error.contains("move a row"), "{error}");
}

#[test]
fn later_files_keep_the_types_of_the_first() {
    let mut types = ColumnTypes::default();
    read_with(b"a\nx\n", &mut types).unwrap();
    assert_eq!(read_with(b"a\n1\n", &mut types).unwrap()[0].0, json!({"a": "1"}));
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

proptest! {
    #[test]
    fn quoted_text_is_read_back(cells in prop::collection::vec(any::<[String; 2]>(), 1..6)) {
        let mut text = String::from("a,b\n\"not a number\",\"not a number\"\n");
        for [a, b] in &cells {
            text += &format!("{},{}\r\n", quoted(a), quoted(b));
        }
        let read = |cell: &String| csv_types::value(cell, ColumnType::Text).unwrap();
        let expected: Vec<_> = cells.iter().map(|[a, b]| json!({"a": read(a), "b": read(b)})).collect();
        prop_assert_eq!(&values(&text)[1..], expected);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_with(&bytes, &mut ColumnTypes::default());
    }

    #[test]
    fn any_quoting_is_read_or_refused(text in "[\",\r\na1. ]{0,40}") {
        let _ = read(&text);
    }
}
