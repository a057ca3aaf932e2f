//! Endpoints that misbehave, and the real program's answer: what to change, a failing exit code, no secret anywhere.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

const SECRET: &str = "sk-live-0123456789abcdef";

/// Answers every request with `response`, byte for byte; `SECRET` stands for the key that the request brought.
fn endpoint(response: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream, response));
        }
    });
    format!("http://{address}/v1")
}

fn answer(mut stream: TcpStream, response: &str) {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while !ended(&request) {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(n) => request.extend_from_slice(&piece[..n]),
        }
    }
    let head = String::from_utf8_lossy(&request).into_owned();
    let key = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap_or_default();
    // The client may hang up first.
    _ = stream.write_all(response.replace("SECRET", key).as_bytes());
}

fn ended(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn eval(base_url: &str, runs: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_math-agent"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("MY_KEY", SECRET).env("RUST_LOG", "trace");
    command.args(["eval", "--limit", "2", "--set"]).arg(format!("run.directory={}", runs.display()));
    let settings = [
        "provider=openai".to_owned(),
        format!("base-url={base_url}"),
        "api-key-env=MY_KEY".to_owned(),
        "max-retries=1".to_owned(),
        "timeout=2".to_owned(),
    ];
    for setting in settings {
        command.arg("--set").arg(format!("models.medium.{setting}"));
    }
    command.args(more).output().unwrap()
}

/// Runs against `response` and expects a failure whose words include `expected`.
fn fails_with(response: &'static str, expected: &[&str]) {
    let runs = tempfile::tempdir().unwrap();
    let output = eval(&endpoint(response), runs.path(), &[]);
    let shown =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{shown}");
    for part in expected {
        assert!(shown.contains(part), "`{part}` is missing:\n{shown}");
    }
    assert!(!shown.contains(SECRET), "the key was printed:\n{shown}");
    no_secret_in(runs.path());
}

fn no_secret_in(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            no_secret_in(&path);
        } else {
            let bytes = fs::read(&path).unwrap();
            let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(!found, "the key is in {}", path.display());
        }
    }
}

#[test]
fn a_wrong_key_names_the_variable_and_the_key_is_never_shown() {
    let body = "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"error\":{\"message\":\"Incorrect API key: SECRET\"}}";
    fails_with(body, &["MY_KEY"]);
}

#[test]
fn a_web_page_says_that_the_base_url_is_wrong() {
    fails_with(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<!DOCTYPE html><html><body>Welcome</body></html>",
        &["base-url"],
    );
}

#[test]
fn cut_json_is_not_an_answer() {
    fails_with(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"choices\":[{\"message\":{\"content\":\"The ans",
        &["infrastructure-failed"],
    );
}

#[test]
fn too_many_requests_for_ever_is_given_up() {
    fails_with(
        "HTTP/1.1 429 Too Many Requests\r\nretry-after-ms: 10\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"error\":{\"message\":\"slow down\"}}",
        &["gave up after 2 attempts", "slow down"],
    );
}

#[test]
fn an_endpoint_that_says_nothing_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let runs = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let output = eval(&base_url, runs.path(), &["--set", "models.medium.max-retries=0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(began.elapsed() < Duration::from_secs(60));
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("raise `timeout`"),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn ctrl_c_keeps_what_is_finished() {
    let slow = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"42\"},\"finish_reason\":\"stop\"}]}";
    let runs = tempfile::tempdir().unwrap();
    let base_url = endpoint(slow);
    let mut command = Command::new(env!("CARGO_BIN_EXE_math-agent"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.args([
        "eval",
        "--repeats",
        "500",
        "--concurrency",
        "2",
        "--set",
        "models.medium.provider=openai",
        "--set",
    ]);
    command.arg(format!("models.medium.base-url={base_url}")).arg("--set");
    let child = command.arg(format!("run.directory={}", runs.path().display())).spawn().unwrap();
    thread::sleep(Duration::from_secs(2));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("continue with: resume"), "{stderr}");
    let outcome = fs::read_dir(runs.path()).unwrap().flatten().map(|entry| entry.path().join("outcome.json"));
    let outcome =
        outcome.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).unwrap()).next().unwrap();
    assert!(outcome.contains("\"scored\"") && !outcome.contains("\"scored\": 0"), "{outcome}");
}
