//! The conversations of rollouts, as data for the page's script.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{embed, material::Material, tokens::Tokens};
use crate::{
    error::Result,
    message::{Block, MediaSource, Msg, Role},
    model::FinishReason,
    report::{spending, table::seconds},
    rollout::{Record, StoredCall},
    seed,
};

/// Conversations that a page holds at most, and their bytes: browsers must read them before they show anything.
pub(super) const MOST: usize = 500;
const MOST_BYTES: usize = 24 << 20;
/// Letters of one text that are shown.
const MOST_LETTERS: usize = 20_000;

/// Gives the text of each token id that a model knows; `None` where its vocabulary is not at hand.
pub type Pieces<'a> = dyn Fn(&str, &[u32]) -> Option<Vec<String>> + 'a;

/// What a page holds of the conversations.
#[derive(Debug)]
pub(super) struct Embedded {
    /// A JSON array, safe inside HTML.
    pub(super) json: String,
    /// The records whose conversations they are, by their places in the journal.
    pub(super) records: Vec<usize>,
    /// Conversations that are not in the page.
    pub(super) left_out: usize,
}

#[derive(Serialize)]
struct Conversation<'a> {
    candidate: &'a str,
    task: &'a str,
    attempt: u32,
    status: &'static str,
    reward: Option<f64>,
    error: Option<&'a str>,
    feedback: Option<&'a str>,
    metrics: &'a BTreeMap<String, f64>,
    /// What it took, in words.
    took: String,
    /// Where nothing was asked, the response is all there is.
    response: Option<String>,
    turns: Vec<Turn>,
}

/// A call, with what it adds to the calls before.
#[derive(Serialize)]
struct Turn {
    slot: String,
    model: String,
    /// Whether it goes on where the turn before ended.
    continues: bool,
    messages: Vec<Message>,
    /// Why the answer ends, where that is no good reason.
    cut: Option<&'static str>,
    tokens: Option<Tokens>,
}

#[derive(Serialize)]
struct Message {
    role: &'static str,
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Part {
    /// Class of the style sheet.
    kind: &'static str,
    /// The tool's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    text: String,
}

/// The conversations of as many records as a page holds.
pub(super) fn embedded(material: &Material, pieces: &Pieces<'_>) -> Result<Embedded> {
    let mut json = String::from("[");
    let mut records = Vec::new();
    for at in chosen(material) {
        let text = embed::json(&conversation(&material.records[at].1, material, pieces)?)?;
        if json.len() + text.len() > MOST_BYTES {
            break;
        }
        json.push_str(if records.is_empty() { "\n" } else { ",\n" });
        json.push_str(&text);
        records.push(at);
    }
    json.push_str("\n]");
    let left_out = material.records.len() - records.len();
    Ok(Embedded { json, records, left_out })
}

/// All records, or as many as a page holds: failed ones for up to half of it, the others drawn.
fn chosen(material: &Material) -> Vec<usize> {
    let all = 0..material.records.len();
    if all.len() <= MOST {
        return all.collect();
    }
    let (ended, failed): (Vec<usize>, Vec<usize>) =
        all.partition(|at| material.records[*at].1.error.is_none());
    let room = MOST.saturating_sub(ended.len()).max(MOST / 2);
    let mut chosen = drawn(failed, room);
    chosen.extend(drawn(ended, MOST - chosen.len()));
    chosen.sort_unstable();
    chosen
}

/// At most `most` of `all`, always the same ones. Every so many would be those of one candidate alone.
fn drawn(mut all: Vec<usize>, most: usize) -> Vec<usize> {
    all.sort_by_cached_key(|at| seed::draw(0, "conversations of a page", [&at.to_le_bytes()[..]]));
    all.truncate(most);
    all
}

fn conversation<'a>(
    record: &'a Record,
    material: &Material,
    pieces: &Pieces<'_>,
) -> Result<Conversation<'a>> {
    let mut turns = Vec::new();
    let mut shown: Vec<Msg> = Vec::new();
    for call in &record.calls {
        if let Some(stored) = material.store.call(&call.key)? {
            turns.push(turn(&call.slot, stored, &mut shown, pieces));
        }
    }
    let mut spent = record.spent;
    spent += record.judge_spent;
    let took = format!("{}, {}", seconds(record.seconds), spending(&spent).replace("spent: ", ""));
    Ok(Conversation {
        candidate: &record.candidate,
        task: &record.task_id,
        attempt: record.attempt,
        status: record.status.name(),
        reward: record.reward,
        error: record.error.as_deref(),
        feedback: record.feedback.as_deref(),
        metrics: &record.metrics,
        took,
        response: (turns.is_empty() && !record.response.is_null()).then(|| record.response.to_string()),
        turns,
    })
}

fn turn(slot: &str, call: StoredCall, shown: &mut Vec<Msg>, pieces: &Pieces<'_>) -> Turn {
    let tokens = Tokens::of(&call, pieces);
    let cut = match call.response.finish {
        FinishReason::Length | FinishReason::ContentFilter => Some(call.response.finish.as_str()),
        _ => None,
    };
    let model = call.model.clone();
    let messages = call.conversation();
    let continues =
        !shown.is_empty() && messages.len() >= shown.len() && messages[..shown.len()] == shown[..];
    let known = if continues { shown.len() } else { 0 };
    let added = messages[known..].iter().map(message).collect();
    *shown = messages;
    Turn { slot: slot.to_owned(), model, continues, messages: added, cut, tokens }
}

fn message(message: &Msg) -> Message {
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    Message { role, parts: message.content.iter().map(part).collect() }
}

fn part(block: &Block) -> Part {
    let unnamed = |kind, text: String| Part { kind, name: String::new(), text };
    match block {
        Block::Text { text } => unnamed("text", shortened(text)),
        Block::Thinking { thinking, .. } => unnamed("thinking", shortened(thinking)),
        Block::ToolUse(call) => {
            Part { kind: "call", name: call.name.clone(), text: shortened(&call.input.to_string()) }
        }
        Block::ToolResult(result) => {
            let kind = if result.is_error { "refused" } else { "result" };
            Part { kind, name: result.name.clone(), text: shortened(&result.text()) }
        }
        Block::Image { source } => unnamed("media", media("a picture", source)),
        Block::Audio { source } => unnamed("media", media("a sound", source)),
        Block::Video { source } => unnamed("media", media("a film", source)),
    }
}

/// What it is and where: the page loads nothing from elsewhere.
fn media(what: &str, source: &MediaSource) -> String {
    match source {
        MediaSource::Url { url } => format!("{what}: {}", shortened(url)),
        MediaSource::Base64 { media_type, data } => {
            format!("{what}: {media_type}, {} bytes", data.len() / 4 * 3)
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_LETTERS) {
        None => text.to_owned(),
        Some((end, _)) => {
            format!("{}… ({} more bytes are in run.sqlite)", &text[..end], text.len() - end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_is_the_same_each_time_and_takes_no_period() {
        let all: Vec<usize> = (0..3000).collect();
        let some = drawn(all.clone(), 300);
        assert_eq!(some, drawn(all.clone(), 300));
        for candidate in 0..3 {
            let own = some.iter().filter(|at| *at % 3 == candidate).count();
            assert!((70..=130).contains(&own), "{own}");
        }
        assert_eq!(drawn(all, 5000).len(), 3000);
    }

    #[test]
    fn a_long_text_is_cut_between_letters_and_says_so() {
        let text = "ü".repeat(MOST_LETTERS + 5);
        let short = shortened(&text);
        assert!(short.starts_with("üü") && short.ends_with("(10 more bytes are in run.sqlite)"), "{short}");
    }
}
