//! The offline models: they read the problems' three patterns, and slip as often as their size suggests.
//!
//! An answer depends on the model and the question alone, so every run of this example gives the same result.

use agentscope_tuner::{
    message::{Block, Msg, Role, ToolUse},
    model::{ChatRequest, ChatResponse, scripted::Scripted},
    seed,
};
use regex::Regex;
use serde_json::json;

agentscope_tuner::scripted!("abacus-small", |_| Ok(abacus("abacus-small", 0.55)));
agentscope_tuner::scripted!("abacus-medium", |_| Ok(abacus("abacus-medium", 0.75)));
agentscope_tuner::scripted!("abacus-large", |_| Ok(abacus("abacus-large", 0.92)));
agentscope_tuner::scripted!("abacus-coach", |_| Ok(Scripted::new("abacus-coach", coach)));

/// Advice that makes slips rarer, and the share of them that is left.
const ADVICE: [(&str, f64); 2] =
    [("Read every number twice.", 0.2), ("Check the result before you answer.", 0.5)];

/// A model that solves a problem with probability `skill`.
fn abacus(name: &'static str, skill: f64) -> Scripted {
    Scripted::new(name, move |request| answer(request, name, skill))
}

fn answer(request: &ChatRequest, name: &str, skill: f64) -> ChatResponse {
    let said = |role| request.messages.iter().rev().find(move |msg| msg.role == role);
    let question = said(Role::User).map(Msg::text).unwrap_or_default();
    let Some(sum) = Sum::read(&question) else {
        return ChatResponse::text("I cannot find the numbers in this problem.");
    };
    let system: String =
        request.messages.iter().filter(|msg| msg.role == Role::System).map(Msg::text).collect();
    let heeded = ADVICE.iter().filter(|(advice, _)| system.contains(advice)).map(|(_, left)| left);
    let slips = 1.0 - seed::unit(0, name, [question.as_bytes()]) <= (1.0 - skill) * heeded.product::<f64>();
    // A slip is a misread number: what is done with it is right again.
    let sum = if slips { sum.misread() } else { sum };
    let result = said(Role::Tool).and_then(|msg| msg.tool_results().next()).map(|result| result.text());
    match result.and_then(|text| text.parse::<f64>().ok()) {
        Some(total) => ChatResponse::text(format!("The tool says {total}, so the answer is {total}")),
        None if sum.is_for_the_tool(request) => ChatResponse::new(sum.as_call()),
        None => ChatResponse::text(format!("I count {sum} and get {}", sum.result())),
    }
}

/// What a problem asks for.
#[derive(Clone, Copy)]
struct Sum {
    a: i64,
    b: i64,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plus,
    Minus,
    Times,
}

impl Sum {
    fn read(question: &str) -> Option<Self> {
        let numbers = Regex::new(r"\d+").ok()?;
        let mut numbers = numbers.find_iter(question).filter_map(|number| number.as_str().parse().ok());
        let (a, b) = (numbers.next()?, numbers.next()?);
        let kind = match question {
            text if text.contains("each") => Kind::Times,
            text if text.contains("gives away") => Kind::Minus,
            _ => Kind::Plus,
        };
        Some(Self { a, b, kind })
    }

    fn misread(self) -> Self {
        Self { b: self.b + 1, ..self }
    }

    fn result(self) -> i64 {
        match self.kind {
            Kind::Plus => self.a + self.b,
            Kind::Minus => self.a - self.b,
            Kind::Times => self.a * self.b,
        }
    }

    fn is_for_the_tool(self, request: &ChatRequest) -> bool {
        self.kind == Kind::Plus && request.tools.iter().any(|tool| tool.name == "add")
    }

    fn as_call(self) -> Msg {
        let input = json!({"a": self.a, "b": self.b});
        let call = ToolUse { id: "call-1".into(), name: "add".into(), input };
        Msg::new(Role::Assistant, vec![Block::text("I add the two numbers."), Block::ToolUse(call)])
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = match self.kind {
            Kind::Plus => '+',
            Kind::Minus => '-',
            Kind::Times => '*',
        };
        write!(f, "{} {sign} {}", self.a, self.b)
    }
}

/// Writes prompts: shown runs in which a number was misread, it repeats the prompt with the advice that is missing first.
fn coach(request: &ChatRequest) -> ChatResponse {
    let asked = request.messages.iter().map(Msg::text).collect::<Vec<_>>().join("\n");
    let prompt = asked.split("```").nth(1).unwrap_or_default().trim();
    let missing = ADVICE.iter().find(|(advice, _)| misread(&asked) && !prompt.contains(advice));
    let advice = missing.map_or("Be careful.", |(advice, _)| advice);
    ChatResponse::text(format!("This may help:\n```\n{prompt}\n{advice}\n```"))
}

/// Whether in any conversation the model worked with a number that its problem does not have.
fn misread(asked: &str) -> bool {
    let mut problem = Vec::new();
    asked.lines().any(|line| {
        if let Some(user) = line.strip_prefix("- user: ") {
            problem = numbers(user);
        }
        let said = line.strip_prefix("- model: I ").and_then(|said| said.split(" and get").next());
        said.is_some_and(|said| numbers(said).iter().any(|number| !problem.contains(number)))
    })
}

fn numbers(text: &str) -> Vec<i64> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}
