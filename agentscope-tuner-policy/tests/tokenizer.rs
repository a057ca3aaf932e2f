//! The tokenizer against transformers: the cases of `fixtures/tokenizer.jsonl`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use agentscope_tuner_policy::tokenizer::Tokenizer;
use common::{fixtures, model};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    with_special: Vec<u32>,
    decoded: String,
    skipped: String,
}

#[test]
fn ids_and_texts_are_those_of_transformers() {
    let tokenizer = Tokenizer::open(model("qwen2"), 288).unwrap();
    let cases = std::fs::read_to_string(fixtures().join("tokenizer.jsonl")).unwrap();
    for case in cases.lines().map(|line| serde_json::from_str::<Case>(line).unwrap()) {
        assert_eq!(tokenizer.encode_chat(&case.text).unwrap(), case.ids, "{:?}", case.text);
        assert_eq!(tokenizer.encode(&case.text, true).unwrap(), case.with_special, "{:?}", case.text);
        for (skip, expected) in [(false, &case.decoded), (true, &case.skipped)] {
            assert_eq!(&tokenizer.decode(&case.ids, skip).unwrap(), expected);
            let mut decoder = tokenizer.decoder(skip);
            let mut streamed: String = case.ids.iter().map(|id| decoder.push(*id).to_owned()).collect();
            streamed.push_str(decoder.finish());
            assert_eq!(&streamed, expected);
        }
    }
}

#[test]
fn special_tokens_are_found() {
    let tokenizer = Tokenizer::open(model("qwen2"), 288).unwrap();
    let special = tokenizer.special_tokens();
    assert_eq!(special.bos, Some((0, "<|bos|>".into())));
    assert_eq!(special.eos, Some((2, "<|im_end|>".into())));
    assert_eq!(special.pad, Some((3, "<|pad|>".into())));
    assert!(Tokenizer::open(model("qwen2"), 280).is_err());
}
