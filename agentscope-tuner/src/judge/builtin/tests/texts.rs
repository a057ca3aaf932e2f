//! Comparisons of texts, against the reference implementations.

use regex::Regex;
use serde_json::json;

use super::fixture;
use crate::judge::builtin::*;

#[test]
fn normalisation_exact_match_and_f1_are_those_of_squad() {
    for pair in fixture("overlap.json")["pairs"].as_array().unwrap() {
        let (answer, reference) = (pair["answer"].as_str().unwrap(), pair["reference"].as_str().unwrap());
        let wanted = &pair["squad"];
        assert_eq!(Ignore::SQUAD.apply(answer), wanted["normal"].as_str().unwrap());
        let same = exact(answer, reference, &Ignore::SQUAD).value == 1.0;
        assert_eq!(same, wanted["exact"].as_bool().unwrap(), "{pair}");
        let reward = token_f1(answer, reference);
        let ours = [reward.value, reward.metrics["precision"], reward.metrics["recall"]];
        for (our, key) in ours.iter().zip(["f1", "precision", "recall"]) {
            assert!((our - wanted[key].as_f64().unwrap()).abs() < 1e-12, "{key} of {pair}: {our}");
        }
    }
}

#[test]
fn edit_distances_are_those_of_rapidfuzz() {
    for pair in fixture("overlap.json")["pairs"].as_array().unwrap() {
        let reward = edit_similarity(pair["answer"].as_str().unwrap(), pair["reference"].as_str().unwrap());
        assert_eq!(reward.metrics["edits"], pair["edit"]["distance"].as_f64().unwrap(), "{pair}");
        assert!((reward.value - pair["edit"]["similarity"].as_f64().unwrap()).abs() < 1e-12, "{pair}");
    }
}

#[test]
fn each_difference_is_ignored_by_itself() {
    let by = |ignore: Ignore| exact("The  Cat!", "the cat", &ignore).value;
    assert_eq!(by(Ignore { whitespace: true, ..Ignore::NOTHING }), 0.0);
    assert_eq!(by(Ignore { articles: false, ..Ignore::SQUAD }), 1.0);
    for ignore in [
        Ignore { case: false, articles: false, ..Ignore::SQUAD },
        Ignore { punctuation: false, ..Ignore::SQUAD },
        Ignore { whitespace: false, ..Ignore::SQUAD },
    ] {
        assert_eq!(by(ignore), 0.0, "{ignore:?}");
    }
    let articles = Ignore { articles: true, whitespace: true, ..Ignore::NOTHING };
    assert_eq!(exact("A cat", "THE cat", &articles).value, 1.0);
}

#[test]
fn words_are_found_whole() {
    let found = |answer, reference| contains(answer, reference, &Ignore::SQUAD).value;
    assert_eq!(found("It is Paris, of course.", "paris"), 1.0);
    assert_eq!(found("They had a party.", "art"), 0.0);
    assert_eq!(found("A party of art.", "art"), 1.0);
    assert_eq!(found("anything", "the"), 0.0);
}

#[test]
fn patterns_match_anywhere_unless_anchored() {
    let date = Regex::new(r"\d{4}-\d\d-\d\d").unwrap();
    assert_eq!(matches("on 2024-05-06.", &date).value, 1.0);
    let reward = matches("on 6 May", &date);
    assert_eq!(reward.value, 0.0);
    assert!(reward.feedback.unwrap().contains(r"\d{4}-\d\d-\d\d"));
    assert_eq!(last_match("a=1, b=2", &Regex::new(r"\w=\d").unwrap()), Some("b=2"));
}

#[test]
fn json_is_held_against_its_schema() {
    let schema = json!({
        "type": "object",
        "required": ["name", "age"],
        "properties": {"age": {"type": "integer", "minimum": 0}},
    });
    let schema = Schema::new(&schema).unwrap();
    let judge = |text: &str| schema.judge(text);
    assert_eq!(judge(r#"{"name": "Ada", "age": 36}"#).value, 1.0);
    assert_eq!(judge("```json\n{\"name\": \"Ada\", \"age\": 36}\n```").value, 1.0);
    let wrong = judge(r#"{"age": -1}"#);
    assert_eq!((wrong.value, wrong.metrics["faults"]), (0.0, 2.0));
    let feedback = wrong.feedback.unwrap();
    assert!(feedback.contains("/age") && feedback.contains("name"), "{feedback}");
    assert_eq!(judge("Ada, 36").metrics["faults"], 1.0);
}

#[test]
fn a_schema_never_leads_outside() {
    assert!(Schema::new(&json!({"type": "nothing"})).is_err());
    let outside = Schema::new(&json!({"$ref": "http://127.0.0.1:9/schema.json"})).unwrap_err();
    assert_eq!(outside.kind(), crate::error::ErrorKind::Config);
    let inside = json!({"$defs": {"n": {"type": "number"}}, "$ref": "#/$defs/n"});
    assert_eq!(Schema::new(&inside).unwrap().judge("7").value, 1.0);
}

#[test]
fn feedback_says_what_was_expected_and_keeps_the_end_of_long_answers() {
    let long = format!("{}the end", "word ".repeat(100));
    let feedback = exact(&long, "42", &Ignore::default()).feedback.unwrap();
    assert!(feedback.contains("\"42\"") && feedback.contains("the end\""), "{feedback}");
    assert!(feedback.chars().count() < 300, "{feedback}");
}
