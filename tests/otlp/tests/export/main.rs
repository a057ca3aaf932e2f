//! A program with the feature `otlp`, and what a collector receives of it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod collector;

use std::{
    fs,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use collector::{Collector, Mood, Span, list, number, word};
use opentelemetry_proto::tonic::trace::v1::{span::SpanKind, status::StatusCode};
use tempfile::TempDir;
use test_support::Endpoint;

const KEY: &str = "sk-private-key-0123456789";
/// Nothing of what is said may be in a span: neither texts of the program nor of its rows.
const PRIVATE: [&str; 4] = ["private", "secret", "A question", KEY];

/// A directory with rows and a configuration, in which `remote` is a model at `base_url`.
fn project(rows: &[&str], base_url: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let rows: String = rows.iter().map(|row| format!("{}\n", serde_json::json!({ "text": row }))).collect();
    fs::write(directory.path().join("rows.jsonl"), rows).unwrap();
    let config = format!(
        "[dataset]\neval = {{ path = \"rows.jsonl\" }}\n[run]\ndirectory = \"runs\"\n[slots.traced]\nmodel = \"offline\"\n\
         [models.offline]\nprovider = \"scripted\"\nname = \"counter\"\n\
         [models.remote]\nprovider = \"openai\"\nname = \"far\"\nbase-url = \"{base_url}\"\napi-key-env = \"TRACED_KEY\"\n\
         sampling = {{ temperature = 0.5, max-tokens = 64 }}\n"
    );
    fs::write(directory.path().join("tuner.toml"), config).unwrap();
    directory
}

/// The program in this project; nothing of the environment that the test runs in says where its spans go.
fn program(project: &TempDir, collector: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_otlp-tests"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OTEL_")) {
        command.env_remove(name);
    }
    command
        .arg("eval")
        .arg("--config")
        .arg(project.path().join("tuner.toml"))
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
        .env("TRACED_KEY", KEY)
        .env("NO_COLOR", "1")
        .env_remove("RUST_LOG");
    command
}

fn succeeded(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// What it said beside its progress.
fn warnings(output: &Output) -> Vec<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    said.lines().filter(|line| !line.contains(" rollouts, ")).map(str::to_owned).collect()
}

fn kind(span: &Span) -> SpanKind {
    SpanKind::try_from(span.kind).unwrap()
}

fn failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32)
}

/// The spans right below `parent`, in the order in which they began.
fn children<'a>(spans: &'a [Span], parent: &Span) -> Vec<&'a Span> {
    let mut below: Vec<_> = spans.iter().filter(|span| span.parent_span_id == parent.span_id).collect();
    assert!(below.iter().all(|span| span.trace_id == parent.trace_id));
    below.sort_by_key(|span| span.start_time_unix_nano);
    below
}

fn roots(spans: &[Span]) -> Vec<&Span> {
    spans.iter().filter(|span| span.parent_span_id.is_empty()).collect()
}

/// The documentation names every span and attribute.
fn is_documented(spans: &[Span]) {
    let page = include_str!("../../../../docs/observability.md");
    for span in spans {
        let name = span.name.split(' ').next().unwrap();
        for word in span.attributes.iter().map(|attribute| &*attribute.key).chain([name]) {
            assert!(page.contains(&format!("`{word}`")), "docs/observability.md does not name `{word}`");
        }
    }
}

fn keeps_secrets(collector: &Collector) {
    let sent = String::from_utf8_lossy(&collector.bytes()).into_owned();
    assert!(sent.contains("gen_ai.operation.name"));
    for text in PRIVATE {
        assert!(!sent.contains(text), "`{text}` was sent");
    }
}

#[test]
fn a_rollout_is_a_trace_of_agent_calls_and_tools() {
    let collector = Collector::start(Mood::Willing);
    let project = project(&["A question", "A question that fails"], "http://127.0.0.1:9/v1");
    let output = succeeded(&mut program(&project, &collector.url));
    assert!(warnings(&output).is_empty(), "{:?}", warnings(&output));

    let spans = collector.spans();
    let roots = roots(&spans);
    assert_eq!(roots.iter().map(|span| &*span.name).collect::<Vec<_>>(), ["rollout"; 2]);
    for root in roots {
        assert_eq!(word(root, "workflow").unwrap(), "traced");
        let [agent] = children(&spans, root)[..] else { panic!("{spans:#?}") };
        assert_eq!(
            (&*agent.name, word(agent, "gen_ai.operation.name").unwrap().as_str()),
            ("invoke_agent", "invoke_agent")
        );
        assert_eq!(word(agent, "gen_ai.provider.name").unwrap(), "scripted");
        let [first, tool, second] = children(&spans, agent)[..] else { panic!("{spans:#?}") };
        for (call, reason) in [(first, "tool_calls"), (second, "stop")] {
            assert_eq!((&*call.name, kind(call)), ("chat counter", SpanKind::Client));
            assert_eq!(word(call, "gen_ai.operation.name").unwrap(), "chat");
            assert_eq!(word(call, "gen_ai.request.model").unwrap(), "counter");
            assert_eq!(list(call, "gen_ai.response.finish_reasons").unwrap(), [reason]);
            assert_eq!(number(call, "gen_ai.usage.input_tokens"), Some(40));
            assert_eq!(number(call, "gen_ai.usage.output_tokens"), Some(5));
            assert_eq!(word(call, "server.address"), None);
        }
        assert_eq!((&*tool.name, kind(tool)), ("execute_tool count", SpanKind::Internal));
        assert_eq!(word(tool, "gen_ai.tool.call.id").unwrap(), "call-1");
        assert_eq!(word(tool, "gen_ai.tool.type").unwrap(), "function");
        assert_eq!(failed(tool), word(tool, "error.type").is_some());
    }
    assert_eq!(spans.iter().filter(|span| failed(span)).count(), 1);
    assert_eq!(spans.len(), 2 * 5);
    assert!(collector.services().iter().all(|service| service == "otlp-tests"));
    is_documented(&spans);
    keeps_secrets(&collector);
}

#[test]
fn a_call_over_http_says_where_it_went_and_never_with_which_key() {
    let endpoint = Endpoint::start(Duration::ZERO, |_, _| "asked".into(), |_| "private answer".into());
    let collector = Collector::start(Mood::Willing);
    let project = project(&["A question"], endpoint.base_url());
    let mut command = program(&project, &collector.url);
    succeeded(command.args(["--set", "slots.traced.model=remote"]).env("OTEL_SERVICE_NAME", "my-service"));

    let spans = collector.spans();
    let call = spans.iter().find(|span| span.name == "chat far").unwrap();
    let port = endpoint.base_url().rsplit(':').next().unwrap().trim_end_matches("/v1").parse().unwrap();
    assert_eq!(word(call, "gen_ai.provider.name").unwrap(), "openai");
    assert_eq!(
        (word(call, "server.address").unwrap().as_str(), number(call, "server.port")),
        ("127.0.0.1", Some(port))
    );
    assert_eq!(number(call, "gen_ai.request.max_tokens"), Some(64));
    assert_eq!(word(call, "gen_ai.response.model").unwrap(), "far");
    assert_eq!(collector.services(), ["my-service"]);
    is_documented(&spans);
    keeps_secrets(&collector);
}

#[test]
fn a_call_that_fails_is_an_error_of_its_kind() {
    let refusing = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let collector = Collector::start(Mood::Willing);
    let project = project(&["A question"], &format!("http://{refusing}/v1"));
    let mut command = program(&project, &collector.url);
    let output = command
        .args(["--set", "slots.traced.model=remote", "--set", "models.remote.max-retries=0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let spans = collector.spans();
    for name in ["chat far", "invoke_agent"] {
        let span = spans.iter().find(|span| span.name == name).unwrap();
        assert!(failed(span) && word(span, "error.type").unwrap() == "Model(Connect)", "{span:?}");
    }
    is_documented(&spans);
    keeps_secrets(&collector);
}

#[test]
fn an_interrupted_run_sends_its_spans_too() {
    let endpoint =
        Endpoint::start(Duration::from_secs(2), |_, _| "asked".into(), |_| "private answer".into());
    let collector = Collector::start(Mood::Willing);
    let project = project(&["A question"; 40], endpoint.base_url());
    let mut command = program(&project, &collector.url);
    command.args(["--set", "slots.traced.model=remote", "--concurrency", "2"]);
    let mut running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while endpoint.take().is_empty() {
        thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-INT", &running.id().to_string()]).status().unwrap().success());
    assert_eq!(running.wait().unwrap().code(), Some(130));
    let spans = collector.spans();
    assert!(
        spans
            .iter()
            .any(|span| span.name == "chat far" && number(span, "gen_ai.usage.output_tokens") == Some(5))
    );
    assert!(!roots(&spans).is_empty());
}

#[test]
fn a_collector_that_takes_nothing_costs_one_warning_and_no_run() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (refusing, hanging) = (Collector::start(Mood::Refusing), Collector::start(Mood::Hanging));
    for url in [&format!("http://{nobody}"), &refusing.url, &hanging.url] {
        let project = project(&["A question"; 20], "http://127.0.0.1:9/v1");
        let began = Instant::now();
        let output = succeeded(&mut program(&project, url));
        let said = warnings(&output);
        let [warning] = &said[..] else { panic!("{said:?}") };
        assert!(warning.contains(&format!("the collector at {url} did not take spans")), "{warning}");
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }
}

#[test]
fn settings_that_cannot_be_kept_are_named_and_nothing_is_sent() {
    let collector = Collector::start(Mood::Willing);
    let project = project(&["A question"], "http://127.0.0.1:9/v1");
    let said = |command: &mut Command| warnings(&succeeded(command)).join("\n");
    let grpc = said(program(&project, &collector.url).env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"));
    assert!(grpc.contains("OTEL_EXPORTER_OTLP_PROTOCOL is grpc; set it to http/protobuf"), "{grpc}");
    let crooked = said(&mut program(&project, "http://a b"));
    assert!(
        crooked.contains("no spans are sent") && crooked.contains("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "{crooked}"
    );
    let quiet = said(program(&project, "").env("OTEL_SDK_DISABLED", "true"));
    assert_eq!((quiet.as_str(), collector.spans().len()), ("", 0));
}
