#![cfg(unix)]

use std::{path::Path, time::Instant};

use serde_json::{Value, json};

use super::*;
use crate::{
    model::{Model, scripted::Scripted},
    workflow::ModelEndpoint,
};

fn sh(script: &str) -> Program {
    Program::new("sh").arg("-c").arg(script)
}

/// Whether the process whose number stands in `file` is alive; a zombie is not.
fn lives(file: &Path) -> bool {
    let id = std::fs::read_to_string(file).unwrap();
    let ps = std::process::Command::new("ps").args(["-o", "stat=", "-p", id.trim()]).output().unwrap();
    !matches!(ps.stdout.first(), None | Some(b'Z'))
}

async fn dies(file: &Path) -> bool {
    for _ in 0..100 {
        if !lives(file) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn the_task_comes_in_and_the_answer_out() {
    let task = json!({ "question": "2 + 2?", "answer": 4 });
    let on_stdin = sh("cat").ask(&task).await.unwrap();
    let in_environment = sh(r#"printf %s "$TASK""#).ask(&task).await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&on_stdin).unwrap(), task);
    assert_eq!(on_stdin, in_environment);
    assert_eq!(sh("cat").structured::<Value>(&task).await.unwrap(), task);
    let error = sh("echo '{\"a\": \"x\"}'").structured::<std::collections::HashMap<String, u8>>(&task).await;
    assert!(error.unwrap_err().to_string().contains("at `a`"));
}

#[tokio::test]
async fn a_task_too_long_for_a_variable_comes_on_standard_input() {
    let task = "x".repeat(1 << 20);
    let seen = sh(r#"printf "${TASK-unset} "; wc -c"#).ask(&task).await.unwrap();
    let words: Vec<_> = seen.split_whitespace().collect();
    assert_eq!(words, ["unset", &((1 << 20) + 2).to_string()]);
}

#[tokio::test]
async fn a_failure_shows_how_its_standard_error_ends() {
    let error = sh("printf 'fir%s' st >&2; yes noise | head -c 100000 >&2; echo last words >&2; exit 3")
        .ask(&1)
        .await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Workflow);
    let message = error.to_string();
    assert!(message.contains("exit status: 3") && message.ends_with("last words"), "{message}");
    assert!(message.len() < 5_000 && !message.contains("first"), "{}", message.len());
    let missing = Program::new("no-such-program-here").ask(&1).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Config);
}

#[tokio::test]
async fn an_answer_is_bounded() {
    let error = sh("yes").ask(&1).await.unwrap_err();
    assert!(error.to_string().contains("more than 4 MiB"), "{error}");
    // Whoever goes on although nobody listens is killed too.
    let stubborn = "(trap '' PIPE; yes; sleep 60) & trap '' PIPE; wait";
    assert!(sh(stubborn).ask(&1).await.is_err());
    let error = sh(r"printf '\377'").ask(&1).await.unwrap_err();
    assert!(error.to_string().contains("no UTF-8"), "{error}");
}

#[tokio::test]
async fn grandchildren_die_at_the_end_and_at_a_time_out() {
    let directory = tempfile::tempdir().unwrap();
    let child = directory.path().join("child");
    let began = Instant::now();
    // It ends at once, but leaves a child that holds its standard output open.
    let left = format!("sleep 60 & echo $! > {}; echo done", child.display());
    assert_eq!(sh(&left).ask(&1).await.unwrap(), "done");
    assert!(dies(&child).await);

    let stays = format!("(sh -c 'echo $$ > {}; sleep 60'); true", child.display());
    let error = sh(&stays).time_limit(Duration::from_millis(300)).ask(&1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit(Limit::Time));
    assert!(dies(&child).await);
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn grandchildren_die_when_nobody_waits_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let child = directory.path().join("child");
    let stays = format!("sh -c 'echo $$ > {}; exec sleep 60' & wait", child.display());
    let running = tokio::spawn(async move { sh(&stays).ask(&1).await });
    while std::fs::read_to_string(&child).unwrap_or_default().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(lives(&child));
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert!(dies(&child).await);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn memory_is_limited_before_the_program_begins() {
    let limit = 96 << 20;
    assert_eq!(sh("ulimit -v").memory_limit(limit).ask(&1).await.unwrap(), (limit >> 10).to_string());
    // Reads one line of 200 MB into memory.
    let greedy = sh("head -c 200000000 /dev/zero | tr '\\0' x | sort > /dev/null || exit 9");
    assert!(greedy.clone().memory_limit(limit).ask(&1).await.is_err());
}

#[tokio::test]
async fn keys_are_told_to_the_program_alone() {
    let model = ModelEndpoint::of(&Model::new(Scripted::new("echo", |_| "hi"))).unwrap();
    let seen = sh(r#"echo "$OPENAI_MODEL $ANTHROPIC_MODEL $OPENAI_BASE_URL $OPENAI_API_KEY""#).model(&model);
    let said = seen.ask(&1).await.unwrap();
    assert_eq!(said, format!("echo echo {} [key]", model.base_url()));
    assert!(!format!("{seen:?}{model:?}").contains(model.api_key()));
    let failing = sh(r#"echo "$ANTHROPIC_API_KEY" >&2; exit 1"#).model(&model).ask(&1).await.unwrap_err();
    assert!(failing.to_string().ends_with("[key]"), "{failing}");
    // Without a model it has no key, whatever this program has.
    assert_eq!(
        sh(r#"echo "${CARGO_REGISTRY_TOKEN-none}${OPENAI_API_KEY-none}""#).ask(&1).await.unwrap(),
        "nonenone"
    );
}
