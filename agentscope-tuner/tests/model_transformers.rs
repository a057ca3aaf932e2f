//! The client against a real server: that of Hugging Face transformers, with a tiny model of random weights.
//!
//! Runs with `AGENTSCOPE_TUNER_TRANSFORMERS=1`; `PYTHON` names an interpreter that has what
//! `data/model/serve_transformers.py` asks for.
#![allow(clippy::unwrap_used, reason = "a failed test")]

use std::{
    path::Path,
    process::{Child, Command},
    time::Duration,
};

use agentscope_tuner::{
    message::Msg,
    model::{ChatEvent, ChatRequest, FinishReason, Model, openai},
};
use futures_util::StreamExt as _;

struct Server {
    child: Child,
    model: Model,
    _folder: tempfile::TempDir,
}

impl Server {
    /// The server, once it answers.
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/model/serve_transformers.py");
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
        let child =
            Command::new(python).arg(script).arg(folder.path()).arg(port.to_string()).spawn().unwrap();
        let name = folder.path().canonicalize().unwrap().display().to_string();
        let model =
            openai(name).base_url(format!("http://127.0.0.1:{port}/v1")).max_retries(0).build().unwrap();
        let server = Self { child, model, _folder: folder };
        for _ in 0..240 {
            if server.model.chat(&request(1)).await.is_ok() {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("the server does not answer: {:?}", server.model.chat(&request(1)).await.unwrap_err());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Greedy, so that answers repeat.
fn request(max_tokens: u32) -> ChatRequest {
    ChatRequest::new([Msg::system("Be brief."), Msg::user("hi")]).temperature(0.0).max_tokens(max_tokens)
}

#[tokio::test]
async fn a_real_server_answers_whole_and_in_pieces() {
    if std::env::var_os("AGENTSCOPE_TUNER_TRANSFORMERS").is_none() {
        println!(
            "skipped: set AGENTSCOPE_TUNER_TRANSFORMERS=1 to start a server of Hugging Face transformers"
        );
        return;
    }
    let server = Server::start().await;
    let whole = server.model.chat(&request(8)).await.unwrap();
    assert_eq!(whole.finish, FinishReason::Length);
    // Bytes are tokens here: `Be brief.` and `hi` with two marks each, and the mark that opens the answer.
    let usage = whole.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (9 + 2 + 2 + 2 + 1, 8));

    let stream = server.model.stream(&request(8)).await.unwrap();
    let mut events: Vec<_> = stream.map(|event| event.unwrap()).collect().await;
    let Some(ChatEvent::Done(streamed)) = events.pop() else { panic!("no end") };
    let pieces = events.iter().map(|event| match event {
        ChatEvent::Text(text) => &**text,
        other => panic!("{other:?}"),
    });
    assert_eq!(pieces.collect::<String>(), whole.message.text());
    assert_eq!((streamed.message, streamed.finish), (whole.message, whole.finish));
    assert_eq!(streamed.usage, whole.usage);
}
