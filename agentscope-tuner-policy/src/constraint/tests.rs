use std::path::Path;

use proptest::prelude::*;

use super::*;

const END: u32 = 2;

fn tokenizer() -> Tokenizer {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models/qwen2");
    Tokenizer::open(directory, 288).unwrap()
}

fn constraints() -> Constraints {
    Constraints::new(&tokenizer(), &[END]).unwrap()
}

/// A stream of numbers from a seed: Marsaglia's xorshift.
fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

/// Samples uniformly under the mask until the end token; none if the reply grew too long.
fn sample(tokenizer: &Tokenizer, mut constraint: Constraint, seed: u64) -> Option<String> {
    let mut next = random(seed);
    let mut ids = Vec::new();
    for _ in 0..600 {
        let mask = constraint.mask().unwrap();
        let allowed: Vec<_> = mask.iter().collect();
        assert!(!allowed.is_empty() && allowed.len() == mask.len());
        // Ends as soon as it may, so that most replies stay short.
        let id = if mask.contains(END) { END } else { allowed[next() as usize % allowed.len()] };
        constraint.accept(id).unwrap();
        if id == END {
            assert!(constraint.is_finished());
            return Some(tokenizer.decode(&ids, false).unwrap());
        }
        ids.push(id);
    }
    None
}

/// What JSON schema's reference tests are about, in small: references, choices, ranges, formats, nesting.
fn schemas() -> Vec<Value> {
    vec![
        json!({ "type": "object", "properties": { "a": { "type": "integer", "minimum": 3, "maximum": 40 },
            "b": { "enum": ["x", "ÿ\"", 4, null] } }, "required": ["a", "b"], "additionalProperties": false }),
        json!({ "$defs": { "node": { "type": "object", "properties": { "name": { "type": "string", "maxLength": 3 },
            "next": { "anyOf": [{ "$ref": "#/$defs/node" }, { "type": "null" }] } },
            "required": ["name", "next"], "additionalProperties": false } }, "$ref": "#/$defs/node" }),
        json!({ "type": "array", "items": { "type": "boolean" }, "minItems": 2, "maxItems": 4 }),
        json!({ "type": "string", "pattern": "^[a-c]{2,4}$" }),
        json!({ "type": "object", "properties": { "day": { "type": "string", "format": "date" } },
            "required": ["day"], "additionalProperties": false }),
    ]
}

#[test]
fn the_mask_is_what_the_grammar_allows() {
    let tokenizer = tokenizer();
    let mut constraint = constraints().choice(&["yes", "no (or so)"]).unwrap();
    let mask = constraint.mask().unwrap();
    let starts: Vec<_> =
        mask.iter().map(|id| String::from_utf8_lossy(tokenizer.bytes(id)).into_owned()).collect();
    assert!(
        starts.iter().all(|start| "yes".starts_with(start) || "no (or so)".starts_with(start)),
        "{starts:?}"
    );
    let mut logits = vec![0.0; 300];
    mask.restrict(&mut logits);
    assert_eq!(logits.iter().filter(|logit| **logit == 0.0).count(), mask.len());
    assert_eq!(mask.as_words().iter().map(|word| word.count_ones()).sum::<u32>() as usize, mask.len());

    let other = tokenizer.id("z").unwrap();
    assert!(!mask.contains(other) && !mask.contains(999));
    let mut branch = constraint.clone();
    assert!(branch.accept(other).unwrap_err().to_string().contains("does not fit the wanted format"));
    for id in tokenizer.encode("yes", false).unwrap() {
        assert!(!constraint.can_finish());
        constraint.accept(id).unwrap();
    }
    assert!(constraint.can_finish());
    assert_eq!(constraint.mask().unwrap().iter().collect::<Vec<_>>(), [END]);
}

#[test]
fn markers_are_no_text() {
    let mut constraint = constraints().json_schema(&json!({ "type": "string" })).unwrap();
    let tokenizer = tokenizer();
    constraint.accept(tokenizer.id("\"").unwrap()).unwrap();
    let mask = constraint.mask().unwrap();
    for marker in ["<|im_start|>", "<|im_end|>", "<tool_call>"] {
        assert!(!mask.contains(tokenizer.id(marker).unwrap()), "{marker}");
    }
    assert!(mask.contains(tokenizer.id("<").unwrap()));
}

#[test]
fn faults_name_the_remedy() {
    let fault = |result: Result<Constraint>| result.unwrap_err().to_string();
    assert!(fault(constraints().json_schema(&json!({ "type": "strange" }))).contains("change the schema"));
    assert!(fault(constraints().regex("(")).contains("cannot be used"));
    assert!(fault(constraints().choice(&[])).contains("at least one"));
    assert!(Constraints::new(&tokenizer(), &[]).unwrap_err().to_string().contains("needs an end token"));
    assert!(Constraints::new(&tokenizer(), &[9999]).unwrap_err().to_string().contains("not among the"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn what_is_sampled_validates(seed: u64) {
        let (tokenizer, constraints) = (tokenizer(), constraints());
        for schema in schemas() {
            let Some(text) = sample(&tokenizer, constraints.json_schema(&schema).unwrap(), seed) else { continue };
            let document: Value = serde_json::from_str(&text).unwrap();
            prop_assert!(jsonschema::is_valid(&schema, &document), "{} does not fit {}", text, schema);
        }
        if let Some(text) = sample(&tokenizer, constraints.json_object().unwrap(), seed) {
            // Numbers may be larger than `Value` holds, so only the grammar is checked.
            let is_object = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() && text.starts_with('{');
            prop_assert!(is_object, "{}", text);
        }
    }

    #[test]
    fn any_choice_can_be_made(choices in prop::collection::vec("[a-z.*(|\\\\{\\[ é]{1,6}", 1..4), seed: u64) {
        let texts: Vec<_> = choices.iter().map(String::as_str).collect();
        let text = sample(&tokenizer(), constraints().choice(&texts).unwrap(), seed).unwrap();
        prop_assert!(choices.contains(&text), "{:?} is none of {:?}", text, choices);
    }
}
