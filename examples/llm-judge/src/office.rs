//! The offline models: writers that forget things, and a critic that reads what they wrote.
//!
//! Each draws from the seed that the engine gives a call, as a model does that samples.

use agentscope_tuner::{
    message::Msg,
    model::{ChatRequest, ResponseFormat, scripted::Scripted},
    seed,
};
use serde_json::{Value, json};

agentscope_tuner::scripted!("writer-small", |_| Ok(Scripted::new("writer-small", |request| write(
    request, 0.5
))));
agentscope_tuner::scripted!("writer-large", |_| Ok(Scripted::new("writer-large", |request| write(
    request, 0.85
))));
agentscope_tuner::scripted!("critic", |_| Ok(Scripted::new("critic", criticise)));

/// What a good reply has, and what to look for in one.
const PARTS: usize = 4;

/// A letter's facts: its last word is the customer's name, its first number that of the order.
fn facts(letter: &str) -> (&str, &str) {
    let words = || letter.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let number = words().find(|word| word.parse::<u32>().is_ok());
    (words().next_back().unwrap_or_default(), number.unwrap_or_default())
}

/// Each part of a good reply is there with probability `care`; asked to check, a writer forgets half as often.
fn write(request: &ChatRequest, care: f64) -> String {
    let texts: Vec<String> = request.messages.iter().map(Msg::text).collect();
    let [system, letter] = &texts[..] else { return "?".to_owned() };
    let forgets = (1.0 - care) * if system.contains("Check") { 0.5 } else { 1.0 };
    let (name, number) = facts(letter);
    let parts: [(String, &str); PARTS] = [
        (format!("Dear {name},"), "Hello,"),
        (format!("thank you for writing about order {number}."), "thank you for writing."),
        ("We are sorry for the trouble.".into(), ""),
        ("We will send a new one tomorrow.".into(), ""),
    ];
    let drawn =
        (0_u8..).zip(parts).map(
            |(place, (good, poor))| {
                if draw(request, "write", place) < forgets { poor.to_owned() } else { good }
            },
        );
    drawn.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn draw(request: &ChatRequest, what: &str, place: u8) -> f64 {
    seed::unit(request.sampling.seed.unwrap_or_default(), what, [&[place][..]])
}

/// How many of the parts a reply has.
fn parts(letter: &str, reply: &str) -> usize {
    let (name, number) = facts(letter);
    [name, number, "sorry", "tomorrow"].into_iter().filter(|part| reply.contains(part)).count()
}

/// What stands between the tags of this name.
fn between<'a>(text: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
    Some(rest.split_once(&format!("</{tag}>"))?.0.trim())
}

/// Fills in the form that it is given. It grades one point too high or too low in three of ten cases, and of two replies that
/// are equally good it likes the first better.
fn criticise(request: &ChatRequest) -> String {
    let text = request.messages.last().map(Msg::text).unwrap_or_default();
    let letter = between(&text, "task").unwrap_or_default();
    let of = |tag: &str| between(&text, tag).map(|reply| parts(letter, reply));
    let reason = |parts: usize| format!("It has {parts} of the {PARTS} things asked for.");
    let form: Value = match form(request) {
        "Comparison" => {
            let (a, b) = (of("answer_a").unwrap_or(0), of("answer_b").unwrap_or(0));
            json!({ "reason": format!("A has {a}, B has {b} of the {PARTS} things asked for."), "better": if a >= b { "a" } else { "b" } })
        }
        "Ranking" => {
            let replies = (1..).map_while(|number| Some((number, of(&format!("answer_{number}"))?)));
            let grade = |(number, parts): (usize, usize)| json!({ "answer": number, "reason": reason(parts), "score": parts as f64 / PARTS as f64 });
            json!({ "grades": replies.map(grade).collect::<Vec<_>>() })
        }
        _ => {
            let parts = of("answer").unwrap_or(0);
            let slip = match draw(request, "grade", 0) {
                drawn if drawn < 0.15 => -1.0,
                drawn if drawn < 0.3 => 1.0,
                _ => 0.0,
            };
            json!({ "reason": reason(parts), "score": (1.0 + parts as f64 + slip).clamp(1.0, 5.0) })
        }
    };
    form.to_string()
}

/// Name of the schema that the answer is to fit.
fn form(request: &ChatRequest) -> &str {
    match &request.response_format {
        Some(ResponseFormat::JsonSchema { name, .. }) => name,
        _ => "",
    }
}
