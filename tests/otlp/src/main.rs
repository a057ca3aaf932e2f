//! An agent whose spans are exported: one tool, an offline model that calls it, and an endpoint if the test names one.

use agentscope_tuner::{
    message::{Block, Msg, Role, ToolUse},
    model::{ChatRequest, ChatResponse, Usage, scripted::Scripted},
    prelude::*,
};
use serde_json::json;

agentscope_tuner::scripted!("counter", |_| Ok(Scripted::new("counter", counter)));

/// Calls the tool, then repeats what it said. Fails where it is asked for a failure.
fn counter(request: &ChatRequest) -> ChatResponse {
    let last = request.messages.last();
    let response = match last.and_then(|msg| msg.tool_results().next()) {
        Some(result) => ChatResponse::text(format!("private answer {}", result.text())),
        None => {
            let input = json!({"text": last.map(Msg::text).unwrap_or_default()});
            let call = ToolUse { id: "call-1".into(), name: "count".into(), input };
            ChatResponse::new(Msg::new(Role::Assistant, vec![Block::ToolUse(call)]))
        }
    };
    ChatResponse { usage: Some(Usage { input_tokens: 40, output_tokens: 5, ..Usage::default() }), ..response }
}

/// One row.
#[derive(Clone, Deserialize)]
struct Question {
    text: String,
}

/// Counts letters.
#[tool]
async fn count(
    /// Any text.
    text: String,
) -> Result<usize> {
    if text.contains("fails") { Err(Error::new(ErrorKind::Tool, "private failure")) } else { Ok(text.len()) }
}

/// Counts the letters of a question.
#[workflow]
async fn traced(
    task: Question,
    model: Model,
    #[prompt("A private prompt.")] system: Prompt,
) -> Result<String> {
    let reply = ReActAgent::new(model).system(system).tool::<count>().reply(Msg::user(task.text)).await?;
    Ok(reply.text())
}

/// 1 for any answer.
#[judge]
async fn answered(_task: &Question, response: &str) -> bool {
    !response.is_empty()
}

agentscope_tuner::main!();
