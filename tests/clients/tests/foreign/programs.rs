//! Agents in other languages, on the official packages. `OPENAI_PYTHON` names a Python that has `openai`, `ANTHROPIC_PYTHON` one
//! that has `anthropic` (`python3` when unset), `OPENAI_NODE_PATH` a `node_modules` directory. Where there is none, the test says
//! so and is skipped.

use std::process::Command;

use agentscope_tuner::{prelude::*, workflow::Program};

use crate::world::{Sum, calls, evaluate, records};

fn python(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| "python3".to_owned())
}

fn script(name: &str) -> String {
    format!("{}/agents/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Python's `openai`: a stream, three calls at once, a tool.
#[workflow]
async fn in_python(
    task: Sum,
    model: ModelEndpoint,
    #[prompt("Use the tool.")] system: Prompt,
) -> Result<String> {
    let program = Program::new(python("OPENAI_PYTHON")).arg(script("agent.py")).model(&model);
    program.prompt("SYSTEM", &system).ask(&task).await
}

/// Python's `anthropic`, the same.
#[workflow]
async fn with_anthropic(
    task: Sum,
    model: ModelEndpoint,
    #[prompt("Use the tool.")] system: Prompt,
) -> Result<String> {
    let program = Program::new(python("ANTHROPIC_PYTHON")).arg(script("anthropic_agent.py")).model(&model);
    program.prompt("SYSTEM", &system).ask(&task).await
}

/// JavaScript's `openai`, the same.
#[workflow]
async fn in_node(
    task: Sum,
    model: ModelEndpoint,
    #[prompt("Use the tool.")] system: Prompt,
) -> Result<String> {
    let modules = std::env::var("OPENAI_NODE_PATH").unwrap_or_default();
    let program = Program::new("node").arg(script("agent.cjs")).env("NODE_PATH", modules).model(&model);
    program.prompt("SYSTEM", &system).ask(&task).await
}

/// Whether `command` succeeds; else the reason is told.
#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn can(what: &str, command: &mut Command) -> bool {
    let able = command.output().is_ok_and(|output| output.status.success());
    if !able {
        eprintln!("skipped: {what}");
    }
    able
}

/// One stream, three at once, two of a conversation with a tool, for each of four rows.
async fn six_calls_a_row<W>()
where
    W: agentscope_tuner::workflow::Workflow<Task = Sum, Response = String>,
{
    let runs = tempfile::tempdir().unwrap();
    let outcome = evaluate::<W>(runs.path()).await;
    for record in records(runs.path()) {
        assert_eq!(record.error, None);
        assert_eq!((record.spent.calls, record.calls.len()), (6, 6));
        // 4 answers from memory, a call of the tool, and what it said.
        assert_eq!(record.spent.usage.total(), 4 * 22 + 34 + 32);
    }
    assert_eq!(outcome.candidates[0].reward.unwrap().mean, 0.75);
    assert_eq!(calls(runs.path()).len(), 24);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_package_is_an_agent_like_any_other() {
    let mut import = Command::new(python("OPENAI_PYTHON"));
    if can("OPENAI_PYTHON names no Python with the package openai", import.args(["-c", "import openai"])) {
        six_calls_a_row::<in_python>().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anthropics_python_package_is_an_agent_like_any_other() {
    let mut import = Command::new(python("ANTHROPIC_PYTHON"));
    if can(
        "ANTHROPIC_PYTHON names no Python with the package anthropic",
        import.args(["-c", "import anthropic"]),
    ) {
        six_calls_a_row::<with_anthropic>().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_javascript_package_is_an_agent_like_any_other() {
    let modules = std::env::var("OPENAI_NODE_PATH").unwrap_or_default();
    let require = ["-e", "require('openai')"];
    let mut node = Command::new("node");
    if can(
        "OPENAI_NODE_PATH names no directory with the package openai",
        node.args(require).env("NODE_PATH", modules),
    ) {
        six_calls_a_row::<in_node>().await;
    }
}
