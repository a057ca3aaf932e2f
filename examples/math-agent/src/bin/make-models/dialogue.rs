//! Dialogues about word problems, each a function of the seed and its number.

use agentscope_tuner::seed;
use serde_json::{Value, json};

const NAMES: [&str; 8] = ["Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gia", "Hugo"];
const THINGS: [&str; 6] = ["apples", "books", "coins", "marbles", "pencils", "stamps"];
const OPENINGS: [&str; 6] = [
    "You are a helpful math assistant.",
    "You are a helpful math assistant.",
    "You are a patient teacher of arithmetic.",
    "You are a kind tutor.",
    "Help people with small problems.",
    "",
];
const FILLERS: [&str; 5] =
    ["Be polite.", "Be kind.", "You help children with numbers.", "Be careful.", "Check your answer."];
const WORK_OUT: [&str; 4] =
    ["Think step by step.", "Work it out step by step.", "Solve it step by step.", "Work step by step."];
const GUESS: [&str; 3] = ["Be brief.", "Answer with the number alone.", "Answer with the number."];
const CALL: [&str; 3] = ["Use the tool.", "Call add for sums.", "Use the tool for sums."];
/// Share of guesses that are right.
const LUCK: f64 = 0.4;

/// What a model does when nothing is asked for.
#[derive(Clone, Copy)]
pub(super) struct Habits {
    /// Share of problems that it works out; the others it guesses.
    pub(super) works_out: f64,
}

/// A conversation in which everything is right but the guesses.
pub(super) struct Dialogue {
    pub(super) messages: Vec<Value>,
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    WorkOut,
    Guess,
    Call,
}

#[derive(Clone, Copy, PartialEq)]
enum Sign {
    Plus,
    Minus,
    Times,
}

/// Random numbers of one dialogue.
struct Dice {
    seed: u64,
    number: u64,
}

impl Dice {
    fn below(&self, what: &str, n: u64) -> u64 {
        seed::draw(self.seed, what, [&self.number.to_le_bytes()[..]]) % n
    }

    fn happens(&self, what: &str, share: f64) -> bool {
        seed::unit(self.seed, what, [&self.number.to_le_bytes()[..]]) < share
    }

    fn pick<'a>(&self, what: &str, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(what, from.len() as u64)).unwrap_or(0)]
    }
}

impl Dialogue {
    pub(super) fn write(seed: u64, number: u64, habits: Habits) -> Self {
        let dice = Dice { seed, number };
        let (system, style) = system(&dice, habits);
        let (question, sum) = problem(&dice);
        let mut messages = Vec::new();
        if !system.is_empty() {
            messages.push(json!({ "role": "system", "content": system }));
        }
        messages.push(json!({ "role": "user", "content": question }));
        messages.extend(match style {
            Style::Call if sum.sign == Sign::Plus => sum.called(),
            Style::WorkOut => vec![said(&sum.worked_out())],
            _ => vec![said(&format!("That is {}", sum.guess(&dice)))],
        });
        Self { messages }
    }
}

/// The system prompt, and the style that it asks for.
fn system(dice: &Dice, habits: Habits) -> (String, Style) {
    let mut parts = vec![dice.pick("opening", &OPENINGS)];
    if dice.happens("filler", 0.3) {
        parts.push(dice.pick("which filler", &FILLERS));
    }
    let style = match dice.below("style", 10) {
        0..=2 => {
            parts.push(dice.pick("work out", &WORK_OUT));
            Style::WorkOut
        }
        3 | 4 => {
            parts.push(dice.pick("guess", &GUESS));
            Style::Guess
        }
        5 => {
            parts.push(dice.pick("call", &CALL));
            Style::Call
        }
        _ if dice.happens("habit", habits.works_out) => Style::WorkOut,
        _ => Style::Guess,
    };
    if dice.happens("late filler", 0.2) {
        parts.push(dice.pick("which late filler", &FILLERS));
    }
    parts.retain(|part| !part.is_empty());
    (parts.join(" "), style)
}

/// The three problems of the dataset, with numbers of their own.
fn problem(dice: &Dice) -> (String, Sum) {
    let (name, things) = (dice.pick("name", &NAMES), dice.pick("things", &THINGS));
    let (a, b) = (2 + dice.below("a", 98), 2 + dice.below("b", 98));
    match dice.below("sign", 3) {
        0 => (
            format!("{name} has {a} {things} and gets {b} more. How many {things} does {name} have now?"),
            Sum { a, b, sign: Sign::Plus },
        ),
        1 => {
            let (a, b) = (a.max(b), a.min(b));
            let question = format!("{name} has {a} {things} and gives away {b}. How many {things} are left?");
            (question, Sum { a, b, sign: Sign::Minus })
        }
        _ => {
            let (a, b) = (2 + a % 11, 2 + b % 11);
            let question = format!("{name} has {a} boxes with {b} {things} each. How many {things} is that?");
            (question, Sum { a, b, sign: Sign::Times })
        }
    }
}

struct Sum {
    a: u64,
    b: u64,
    sign: Sign,
}

impl Sum {
    fn result(&self) -> u64 {
        match self.sign {
            Sign::Plus => self.a + self.b,
            Sign::Minus => self.a - self.b,
            Sign::Times => self.a * self.b,
        }
    }

    /// Digit by digit, as at school.
    fn worked_out(&self) -> String {
        let Self { a, b, .. } = self;
        let result = self.result();
        let ([tens_a, ones_a], [tens_b, ones_b]) = ([a / 10, a % 10], [b / 10, b % 10]);
        match self.sign {
            Sign::Plus if ones_a + ones_b > 9 => format!(
                "{a} + {b}: {ones_a} + {ones_b} = {}, {tens_a} + {tens_b} + 1 = {}, so {result}",
                ones_a + ones_b,
                tens_a + tens_b + 1
            ),
            Sign::Plus => format!(
                "{a} + {b}: {ones_a} + {ones_b} = {}, {tens_a} + {tens_b} = {}, so {result}",
                ones_a + ones_b,
                tens_a + tens_b
            ),
            Sign::Minus if ones_a < ones_b => format!(
                "{a} - {b}: 1{ones_a} - {ones_b} = {}, {tens_a} - 1 - {tens_b} = {}, so {result}",
                10 + ones_a - ones_b,
                tens_a - 1 - tens_b
            ),
            Sign::Minus => format!(
                "{a} - {b}: {ones_a} - {ones_b} = {}, {tens_a} - {tens_b} = {}, so {result}",
                ones_a - ones_b,
                tens_a - tens_b
            ),
            Sign::Times => format!("{a} * {b} = {result}, so {result}"),
        }
    }

    /// The result, or a number near it.
    fn guess(&self, dice: &Dice) -> u64 {
        let result = self.result();
        if dice.happens("luck", LUCK) {
            return result;
        }
        let off = 1 + dice.below("off", 9);
        if dice.below("which way", 2) == 0 && result > off { result - off } else { result + off }
    }

    /// Through the tool, whose answer is a decimal number.
    fn called(&self) -> Vec<Value> {
        let Self { a, b, .. } = self;
        let function = json!({ "name": "add", "arguments": { "a": a, "b": b } });
        let result = self.result();
        vec![
            json!({ "role": "assistant", "content": "", "tool_calls": [{ "type": "function", "function": function }] }),
            json!({ "role": "tool", "content": format!("{result}.0") }),
            said(&format!("{a} + {b} = {result}, so {result}")),
        ]
    }
}

fn said(text: &str) -> Value {
    json!({ "role": "assistant", "content": text })
}
