//! Players whose games the model learns from.

use agentscope_tuner::seed;
use frozen_lake::{Lake, Move, Walk};
use serde_json::{Value, json};

/// Share of games in which the player looks where the holes are. In the others they walk on, whatever lies there.
const CAREFUL: f64 = 0.4;

/// The game of this number, as a conversation.
pub(super) fn play(lake: Lake, seed: u64, number: u64) -> Vec<Value> {
    let careful = seed::unit(seed, "careful", [&number.to_le_bytes()[..]]) < CAREFUL;
    let mut walk = Walk::new(lake);
    let mut messages = Vec::new();
    for turn in 0_u64.. {
        if !walk.goes_on() {
            break;
        }
        let choices = if careful { nearer(&walk) } else { onwards(&walk) };
        let draw = seed::draw(seed, "move", [&number.to_le_bytes()[..], &turn.to_le_bytes()]);
        let step = choices[(draw % choices.len() as u64) as usize];
        messages.push(json!({ "role": "user", "content": walk.view() }));
        messages.push(json!({ "role": "assistant", "content": step.to_string() }));
        walk.step(step);
    }
    messages
}

/// Moves along a shortest way round the holes.
fn nearer(walk: &Walk) -> Vec<Move> {
    let distances = walk.lake().distances();
    let nearer = |step: &Move| {
        let next = walk.lake().beside(walk.cell(), *step).and_then(|next| distances[next]);
        next.is_some_and(|next| distances[walk.cell()].is_some_and(|here| next < here))
    };
    Move::ALL.into_iter().filter(nearer).collect()
}

/// To the right as far as the shore and then down, whatever lies there.
fn onwards(walk: &Walk) -> Vec<Move> {
    let open = |step: &Move| walk.lake().beside(walk.cell(), *step).is_some();
    [Move::Right, Move::Down].into_iter().find(open).into_iter().collect()
}
