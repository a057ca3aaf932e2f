//! The stand-in beside vLLM itself, whose answers were recorded (`record_vllm.py`, beside them).

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
};

use agentscope_tuner::{
    model::{ChatModel as _, embedded::Embedded},
    policy::engine::EngineSettings,
};
use serde_json::{Value, json};

use super::{Flaw, Vllm, answer, asked};

const RECORDED: &str = include_str!("../../../../agentscope-tuner/tests/data/model/vllm.json");

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/math-agent/models/medium")
}

/// What was asked, what vLLM answered, and what the stand-in answers with the same model.
async fn both(name: &str) -> [Value; 3] {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let chat = &recorded["chats"][name];
    let body = chat["request"].clone();
    let theirs = serde_json::from_str(chat["whole"].as_str().unwrap()).unwrap();
    let model = Embedded::open("tiny", model(), &EngineSettings::default()).unwrap();
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

/// Status and JSON of the answer to `body` at `address`.
fn post(address: &str, path: &str, body: &Value) -> Value {
    let (mut stream, body) = (TcpStream::connect(address).unwrap(), body.to_string());
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
    json!([status, serde_json::from_str::<Value>(body).unwrap()])
}

/// What is said of weights that are not there, and of those that are to be put aside.
#[test]
fn it_says_of_weights_what_vllm_says() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let server = Vllm::start(&model(), Flaw::None);
    let address = server.base_url().trim_start_matches("http://").trim_end_matches("/v1");
    for other in recorded["others"].as_array().unwrap() {
        let path = other["path"].as_str().unwrap();
        let ours = post(address, path, &other["body"]);
        let theirs: Value = serde_json::from_str(other["reply"][1].as_str().unwrap()).unwrap();
        let mut theirs = json!([other["reply"][0], theirs]);
        if path == "/collective_rpc" {
            // Why the worker failed is told in words of its own.
            theirs[1]["error"]["message"] = ours[1]["error"]["message"].clone();
        }
        assert_eq!(ours, theirs, "{path}");
    }
}
