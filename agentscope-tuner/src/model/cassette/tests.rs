use super::*;
use crate::{message::Msg, model::scripted::Scripted};

async fn recorded(replies: &[&'static str], questions: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("calls.jsonl");
    let model = Model::new(Scripted::in_order("real", replies.to_vec()));
    let recorder = Model::new(Recorder::new(&model, &path).unwrap());
    for question in questions {
        recorder.ask(*question).await.unwrap();
    }
    (directory, path)
}

#[tokio::test]
async fn answers_come_back_in_any_order_and_repeats_in_theirs() {
    let (_directory, path) = recorded(&["one", "two", "other"], &["q", "q", "r"]).await;
    let model = Model::new(Replayed::open("real", &path).unwrap());
    assert_eq!(model.ask("r").await.unwrap(), "other");
    assert_eq!(model.ask("q").await.unwrap(), "one");
    assert_eq!(model.ask("q").await.unwrap(), "two");
    let error = model.ask("q").await.unwrap_err();
    assert!(error.to_string().contains("recorded 2 times"), "{error}");
}

#[tokio::test]
async fn an_unknown_request_is_compared_with_the_closest() {
    let (_directory, path) = recorded(&["one", "two"], &["How far is it to Bern?", "q"]).await;
    let model = Model::new(Replayed::open("real", &path).unwrap());
    let request = ChatRequest::new([Msg::user("q")]).temperature(0.5);
    let error = model.chat(&request).await.unwrap_err();
    assert!(error.to_string().contains("sampling.temperature was absent and is 0.5"), "{error}");
}

#[tokio::test]
async fn keys_do_not_reach_the_file_and_still_match() {
    let question = "my key is sk-0123456789abcdef0123";
    let (_directory, path) = recorded(&["thanks"], &[question]).await;
    assert!(!std::fs::read_to_string(&path).unwrap().contains("0123456789"));
    let model = Model::new(Replayed::open("real", &path).unwrap());
    assert_eq!(model.ask(question).await.unwrap(), "thanks");
}

#[test]
fn a_broken_cassette_names_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bad.jsonl");
    std::fs::write(&path, "\n{}\n").unwrap();
    let error = Replayed::open("x", &path).unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
    assert!(
        Replayed::from_spec(&crate::model::ModelSpec::new("cassette", "x"))
            .unwrap_err()
            .to_string()
            .contains("path")
    );
}
