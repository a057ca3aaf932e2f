//! The stand-in beside vLLM itself, whose answers were recorded (`record_vllm.py`, beside them).

use std::{collections::BTreeSet, path::Path};

use agentscope_tuner::{
    model::{ChatModel as _, embedded::Embedded},
    policy::engine::EngineSettings,
};
use serde_json::Value;

use super::{Flaw, answer, asked};

const RECORDED: &str = include_str!("../../../../agentscope-tuner/tests/data/model/vllm.json");

/// What was asked, what vLLM answered, and what the stand-in answers with the same model.
async fn both(name: &str) -> [Value; 3] {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let chat = &recorded["chats"][name];
    let body = chat["request"].clone();
    let theirs = serde_json::from_str(chat["whole"].as_str().unwrap()).unwrap();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/math-agent/models/medium");
    let model = Embedded::open("tiny", directory, &EngineSettings::default()).unwrap();
    let response = model.chat(&asked::request(&body)).await.unwrap();
    let ours = answer::completion(&body, &response, Flaw::None);
    [body, theirs, ours]
}

/// Where a value holds something, with `[]` for the places of a list.
fn places(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            fields.iter().for_each(|(name, one)| places(one, &format!("{at}.{name}"), found))
        }
        Value::Array(items) => items.iter().for_each(|one| places(one, &format!("{at}[]"), found)),
        _ => _ = found.insert(at.to_owned()),
    }
}

#[tokio::test]
async fn it_answers_in_the_same_places() {
    for name in ["text", "cut", "call", "result"] {
        let [_, theirs, ours] = both(name).await;
        let [mut wanted, mut found] = [BTreeSet::new(), BTreeSet::new()];
        places(&theirs, "", &mut wanted);
        places(&ours, "", &mut found);
        // Says which build of vLLM it was.
        wanted.remove(".system_fingerprint");
        assert_eq!(found, wanted, "{name}");
    }
}

/// The likeliest answers are the same tokens, as likely, of a conversation that is read as the same tokens.
#[tokio::test]
async fn the_same_model_says_the_same() {
    for name in ["text", "call", "result"] {
        let [asked, theirs, ours] = both(name).await;
        assert_eq!(ours["prompt_token_ids"], theirs["prompt_token_ids"], "{name}");
        if asked["temperature"] != 0.0 {
            continue;
        }
        let [ours, theirs] = [ours, theirs].map(|answer| answer["choices"][0].clone());
        assert_eq!(ours["token_ids"], theirs["token_ids"], "{name}");
        let logprobs = |choice: &Value| -> Vec<f64> {
            let all = choice["logprobs"]["content"].as_array().unwrap();
            all.iter().map(|token| token["logprob"].as_f64().unwrap()).collect()
        };
        let furthest =
            logprobs(&ours).iter().zip(logprobs(&theirs)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(furthest < 1e-4, "{name}: {furthest}");
    }
}
