//! A stand-in for the large model that rewrites prompts, so that `prompt` works offline. It knows three pieces of general
//! advice and cannot tell which one helps: that is measured. `--live` asks a real model instead.

use agentscope_tuner::{
    message::Msg,
    model::{ChatRequest, ChatResponse, scripted::Scripted},
    seed,
};

agentscope_tuner::scripted!("coach", |_| Ok(Scripted::new("coach", coach)));

const ADVICE: [&str; 3] = ["Be brief.", "Check your answer.", "Think step by step."];

/// Repeats the prompt that it is shown, with some advice added.
fn coach(request: &ChatRequest) -> ChatResponse {
    let asked = request.messages.iter().map(Msg::text).collect::<Vec<_>>().join("\n");
    let prompt = asked.split("```").nth(1).unwrap_or_default().trim();
    let place = seed::draw(0, "advice", [asked.as_bytes()]) % ADVICE.len() as u64;
    let advice = ADVICE[usize::try_from(place).unwrap_or_default()];
    ChatResponse::text(format!("This may help:\n```\n{prompt}\n{advice}\n```"))
}
