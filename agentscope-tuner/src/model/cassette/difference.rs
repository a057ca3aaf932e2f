//! Where two JSON values differ.

use serde_json::Value;

/// The places where `asked` differs from `recorded`, each with both values.
pub(super) fn differences(recorded: &Value, asked: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(String::new(), Some(recorded), Some(asked), &mut found);
    found
}

fn walk(path: String, recorded: Option<&Value>, asked: Option<&Value>, found: &mut Vec<String>) {
    match (recorded, asked) {
        (Some(Value::Object(left)), Some(Value::Object(right))) => {
            let names = left.keys().chain(right.keys().filter(|name| !left.contains_key(*name)));
            for name in names {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                walk(path, left.get(name), right.get(name), found);
            }
        }
        (Some(Value::Array(left)), Some(Value::Array(right))) => {
            for index in 0..left.len().max(right.len()) {
                walk(format!("{path}[{index}]"), left.get(index), right.get(index), found);
            }
        }
        (left, right) if left == right => {}
        (left, right) => {
            found.push(format!("{path} was {} and is {}", shown(left), shown(right)));
        }
    }
}

fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return "absent".into() };
    let text = value.to_string();
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_difference_has_its_path() {
        let recorded = json!({"a": [1, {"b": "x"}], "c": true});
        let asked = json!({"a": [1, {"b": "y"}, 3], "d": null});
        let found = differences(&recorded, &asked);
        let expected = [
            "a[1].b was \"x\" and is \"y\"",
            "a[2] was absent and is 3",
            "c was true and is absent",
            "d was absent and is null",
        ];
        assert_eq!(found, expected);
        assert!(differences(&asked, &asked).is_empty());
    }
}
