use serde_json::Value;

use super::*;
use crate::judge::builtin::tests::fixture;

/// Answers with their references, as the script pairs them.
fn rows(several: bool) -> Vec<(String, Vec<String>)> {
    let pairs = fixture("overlap.json");
    let pairs = pairs["pairs"].as_array().unwrap();
    let text = |place: usize, key: &str| pairs[place % pairs.len()][key].as_str().unwrap().to_owned();
    let references =
        |place: usize| (place..=place + usize::from(several)).map(|place| text(place, "reference"));
    (0..pairs.len()).map(|place| (text(place, "answer"), references(place).collect())).collect()
}

fn smoothing(case: &Value) -> Smoothing {
    match (case["smoothing"].as_str().unwrap(), case["value"].as_f64()) {
        ("exp", _) => Smoothing::Exp,
        ("none", _) => Smoothing::None,
        ("floor", value) => Smoothing::Floor(value.unwrap_or(0.1)),
        ("add-k", value) => Smoothing::AddK(value.unwrap_or(1.0)),
        (other, _) => panic!("unknown smoothing {other}"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "short texts")]
fn assert_is(score: &BleuScore, wanted: &Value, what: &str) {
    let lengths = [score.answer_tokens as f64, score.reference_tokens as f64];
    let ours = [score.value, score.brevity_penalty].into_iter().chain(lengths).chain(score.precisions);
    for (our, wanted) in ours.zip(wanted.as_array().unwrap()) {
        assert!((our - wanted.as_f64().unwrap()).abs() < 1e-12, "{what}: {score:?}, not {wanted}");
    }
}

#[test]
fn tokens_are_those_of_13a() {
    for case in fixture("bleu.json")["tokens"].as_array().unwrap() {
        let tokens = tokenize(case[0].as_str().unwrap());
        assert_eq!(serde_json::to_value(tokens).unwrap(), case[1], "{}", case[0]);
    }
}

#[test]
fn sentences_score_as_in_sacrebleu() {
    for case in fixture("bleu.json")["sentences"].as_array().unwrap() {
        let rows = rows(case["several"].as_bool().unwrap());
        let scores = case["scores"].as_array().unwrap();
        assert_eq!(rows.len(), scores.len());
        let bleu = Bleu { smoothing: smoothing(case), lowercase: false };
        for ((answer, references), wanted) in rows.iter().zip(scores) {
            let what = format!("{:?} of {answer:?} against {references:?}", bleu.smoothing);
            assert_is(&bleu.sentence(answer, references), wanted, &what);
        }
    }
}

#[test]
fn corpora_score_as_in_sacrebleu() {
    for case in fixture("bleu.json")["corpora"].as_array().unwrap() {
        let rows = rows(case["several"].as_bool().unwrap());
        let end = usize::try_from(case["rows"].as_u64().unwrap()).unwrap();
        let bleu = Bleu { smoothing: smoothing(case), lowercase: case["lowercase"].as_bool().unwrap() };
        let rows = rows[..end].iter().map(|(answer, references)| (answer.as_str(), references.as_slice()));
        assert_is(&bleu.corpus(rows), &case["score"], &case.to_string());
    }
}

#[test]
fn without_references_it_is_zero() {
    let none: [&str; 0] = [];
    assert_eq!(bleu("some words", &none, &Bleu::default()).value, 0.0);
    assert_eq!(Bleu::default().corpus::<&str>([]).value, 0.0);
}
