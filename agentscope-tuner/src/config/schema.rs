//! What may stand in `tuner.toml`, as a JSON schema: editors complete and check the file by it.

use serde_json::{Value, json};

use super::File;

/// The JSON schema (draft 2020-12) of `tuner.toml`. Descriptions are those of the code.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(File).to_value();
    readable(&mut schema);
    schema["title"] = "tuner.toml".into();
    // Both are taken out before the file is read.
    schema["properties"]["profiles"] = json!({
        "description": "`[profiles.NAME]`: settings that `--profile NAME` lays over the others; `--live` is short for `--profile live`.",
        "type": "object",
        "additionalProperties": {"$ref": "#"},
    });
    schema["properties"]["per-workflow"] = json!({
        "description": "`[per-workflow.NAME]`: settings that are laid over the others, profiles included, when the workflow NAME is chosen.",
        "type": "object",
        "additionalProperties": {"$ref": "#"},
    });
    schema
}

/// Takes what only rustdoc understands out of descriptions, and says that unknown keys are errors.
fn readable(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(text)) = fields.get_mut("description") {
                *text = without_links(text);
            }
            if fields.contains_key("properties") {
                fields.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            fields.values_mut().for_each(readable);
        }
        Value::Array(items) => items.iter_mut().for_each(readable),
        _ => {}
    }
}

/// ``[`name`](path)`` and ``[`name`]`` become `` `name` ``; the lines of a paragraph become one.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[`") {
        plain += before;
        let Some((name, after)) = link.split_once("`]") else {
            rest = &rest[before.len()..];
            break;
        };
        plain += &format!("`{name}`");
        let target = after.strip_prefix('(').and_then(|after| after.split_once(')'));
        rest = target.map_or(after, |(_, after)| after);
    }
    plain += rest;
    plain.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_files_say_fits_and_what_they_must_not_say_does_not() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let fits = |text: &str| {
            validator.is_valid(&serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap())
        };
        assert!(fits(include_str!("../../../examples/math-agent/tuner.toml")));
        assert!(fits(include_str!("../../../examples/addition/tuner.toml")));
        assert!(fits("[strategy.select]\nobjective = { reward = 1.0, usd = -0.5 }"));
        assert!(fits("[strategy.prompt.objectives]\ntokens = -0.0001\nbrevity = 1"));
        assert!(!fits("[strategy.prompt.objectives]\ntokens = 'few'"));
        assert!(!fits("[dataset.train]\npath = 'data'\nspilt = 'train'"));
        assert!(!fits("[budget]\ncalls = 'many'"));
        assert!(!fits("[profiles.live.budget]\ncalls = 'many'"));
    }

    #[test]
    fn links_are_for_rustdoc_alone() {
        assert_eq!(without_links("as [`A`](crate::A)\nor [`B`]\n\nand [c]"), "as `A` or `B`\n\nand [c]");
    }
}
