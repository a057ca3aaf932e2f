use serde_json::Value;

use super::*;
use crate::judge::builtin::tests::fixture;

#[test]
fn stems_are_those_of_nltk() {
    let stems = fixture("stems.json");
    for pair in stems["stems"].as_array().unwrap() {
        let (word, wanted) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        assert_eq!(stem(word), wanted, "{word}");
    }
}

#[test]
fn scores_are_those_of_rouge_score() {
    let variants = [
        ("rouge1", RougeVariant::One),
        ("rouge2", RougeVariant::Two),
        ("rougeL", RougeVariant::L),
        ("rougeLsum", RougeVariant::Lsum),
    ];
    let pairs = fixture("overlap.json");
    for pair in pairs["pairs"].as_array().unwrap() {
        let text = |key: &str| pair[key].as_str().unwrap();
        for (name, variant) in variants {
            for (stems, stem) in [("plain", false), ("stem", true)] {
                let reward = rouge(text("answer"), text("reference"), &Rouge { variant, stem });
                let wanted = &pair["rouge"][stems][name];
                let ours = [reward.metrics["precision"], reward.metrics["recall"], reward.value];
                for (our, wanted) in ours.iter().zip(wanted.as_array().unwrap()) {
                    let close = (our - wanted.as_f64().unwrap()).abs() < 1e-12;
                    assert!(close, "{name} {stems} of {pair}: {our}, not {wanted}");
                }
            }
        }
    }
}

#[test]
fn variants_are_read_by_their_names() {
    let read = |json: &str| serde_json::from_str::<Rouge>(json).unwrap().variant;
    assert_eq!(read(r#"{"variant": "1"}"#), RougeVariant::One);
    assert_eq!(read(r#"{"variant": "lsum"}"#), RougeVariant::Lsum);
    assert!(serde_json::from_value::<Rouge>(Value::from("3")).is_err());
}
