//! Crosses a frozen lake, one move a turn. The game itself says how it went, so there is no judge.

use agentscope_tuner::{model::scripted::Scripted, prelude::*, seed};
use frozen_lake::{Lake, Move, Walk};

/// One row of `data/train.jsonl`: the lake that is drawn from a seed.
#[derive(Clone, Deserialize)]
struct Crossing {
    seed: u64,
    size: usize,
}

/// Walks from the upper left corner to the lower right one. The model sees the map before each move.
#[workflow]
async fn cross(
    task: Crossing,
    model: Model,
    #[prompt(file = "rules.md")] rules: Prompt,
) -> Result<WorkflowOutput<Vec<Move>>> {
    let mut walk = Walk::new(Lake::freeze(task.seed, task.size)?);
    let mut chat = ChatRequest::new([Msg::system(rules)]);
    while walk.goes_on() {
        chat.messages.push(Msg::user(walk.view()));
        let reply = model.chat(&chat).await?.message;
        let Ok(step) = reply.text().parse() else { break };
        walk.step(step);
        chat.messages.push(reply);
    }
    let (across, sunk) = (f64::from(walk.is_across()), f64::from(walk.is_sunk()));
    let moves = walk.into_moves();
    let count = moves.len() as f64;
    Ok(WorkflowOutput::new(moves).reward(across).metric("sunk", sunk).metric("moves", count))
}

// Moves at random: what is to be beaten. The engine gives each call a seed of its own.
agentscope_tuner::scripted!("stumbler", |_| {
    Ok(Scripted::new("stumbler", |request| {
        let number = seed::draw(request.sampling.seed.unwrap_or_default(), "stumble", []);
        Move::ALL[(number % 4) as usize].to_string()
    }))
});

agentscope_tuner::main!();
