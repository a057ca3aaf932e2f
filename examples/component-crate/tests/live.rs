//! `--live` asks the endpoint of the profile: here one on loopback.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{process::Command, time::Duration};

use serde_json::Value;
use test_support::{Endpoint, outcome};

fn last_said(_: &str, messages: &[Value]) -> String {
    messages.last().unwrap()["content"].as_str().unwrap().to_owned()
}

#[test]
fn live_asks_the_endpoint_of_the_profile() {
    let endpoint = Endpoint::start(Duration::ZERO, last_said, |ticket| match ticket.contains("parcel") {
        true => "Shipping\n".to_owned(),
        false => "support".to_owned(),
    });
    let runs = tempfile::tempdir().unwrap();
    let address = format!("models.live.base-url={}", endpoint.base_url());
    let directory = format!("run.directory={}", runs.path().display());
    let output = Command::new(env!("CARGO_BIN_EXE_component-crate"))
        .args(["eval", "--live", "--limit", "10", "--set", &address, "--set", &directory])
        .env("DASHSCOPE_API_KEY", "never sent to another endpoint than its own")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(endpoint.take().len(), 10);
    let reward = outcome(&runs.path().join("latest"))["candidates"][0]["reward"]["mean"].as_f64().unwrap();
    assert!(reward > 0.3 && reward < 1.0, "{reward}");
}
