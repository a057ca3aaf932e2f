//! The offline models: assistants that differ in how they use tools, and in how often they trust themselves instead.
//!
//! What one does depends on its name, the question, the system prompt and what the tools said, and on nothing else.

use agentscope_tuner::{
    message::{Block, Msg, Role, ToolUse},
    model::{ChatRequest, ChatResponse, scripted::Scripted},
    seed,
};
use serde_json::{Value, json};

agentscope_tuner::scripted!("assistant-small", |_| {
    Ok(Assistant { name: "assistant-small", reads_names: 0.3, tries_again: 0.6, adds_by_tool: 0.6 }.model())
});
agentscope_tuner::scripted!("assistant-medium", |_| {
    Ok(Assistant { name: "assistant-medium", reads_names: 0.5, tries_again: 0.9, adds_by_tool: 0.85 }.model())
});
agentscope_tuner::scripted!("assistant-large", |_| {
    Ok(Assistant { name: "assistant-large", reads_names: 0.95, tries_again: 0.97, adds_by_tool: 0.96 }
        .model())
});

/// How likely a model is to do the right thing.
#[derive(Clone, Copy)]
struct Assistant {
    name: &'static str,
    /// Asks for `pen`, where the customer said `pens`.
    reads_names: f64,
    /// Asks again after a failed call, instead of making up a price.
    tries_again: f64,
    /// Lets the tool add, instead of doing it in its head.
    adds_by_tool: f64,
}

impl Assistant {
    fn model(self) -> Scripted {
        Scripted::new(self.name, move |request| self.answer(request))
    }

    fn answer(self, request: &ChatRequest) -> ChatResponse {
        let said = |role| {
            request.messages.iter().find(move |msg| msg.role == role).map(Msg::text).unwrap_or_default()
        };
        let (question, system) = (said(Role::User), said(Role::System));
        let tools = Results(request);
        match (tools.total(), self.lines(&question, &system, &tools)) {
            (Some(total), _) => ChatResponse::text(format!("That comes to {total} cents.")),
            (None, Err(calls)) => asking("Let me look that up.", calls),
            (None, Ok(lines)) => self.add(&question, &system, &lines),
        }
    }

    /// Prices and pieces of what was ordered, or the calls that are still to be made for them.
    fn lines(self, question: &str, system: &str, tools: &Results<'_>) -> Result<Vec<(u64, u64)>, Vec<Call>> {
        let (mut calls, mut lines) = (Vec::new(), Vec::new());
        for (count, plural) in order(question) {
            let name = plural.strip_suffix('s').unwrap_or(plural);
            let reads = system.contains("singular") || self.does("read", self.reads_names, question, plural);
            let asked = if reads { name } else { plural };
            match tools.price(name).or_else(|| tools.price(asked)) {
                Some(Ok(price)) => lines.push((price, count)),
                None => calls.push(("price", json!({ "article": asked }))),
                Some(Err(())) if self.does("try again", self.tries_again, question, plural) => {
                    calls.push(("price", json!({ "article": name })));
                }
                Some(Err(())) => lines.push((100, count)),
            }
        }
        if calls.is_empty() { Ok(lines) } else { Err(calls) }
    }

    /// By the tool, or in its head.
    fn add(self, question: &str, system: &str, lines: &[(u64, u64)]) -> ChatResponse {
        let advised = system.contains("tool for every sum");
        if advised || self.does("add", self.adds_by_tool, question, "") {
            let lines = lines.iter().map(|(price, count)| json!({ "price": price, "count": count }));
            return asking(
                "Let me add that up.",
                vec![("total", json!({ "lines": lines.collect::<Vec<_>>() }))],
            );
        }
        let total: u64 = lines.iter().map(|(price, count)| price * count).sum();
        let slip = if self.does("slip", 0.5, question, "") { 10 } else { 0 };
        ChatResponse::text(format!("That comes to {} cents.", total + slip))
    }

    fn does(self, what: &str, chance: f64, question: &str, article: &str) -> bool {
        seed::unit(0, what, [self.name.as_bytes(), question.as_bytes(), article.as_bytes()]) < chance
    }
}

/// A tool, and what to call it with.
type Call = (&'static str, Value);

/// Pieces and articles of a question such as `What do 3 pens and 2 rulers cost?`.
fn order(question: &str) -> Vec<(u64, &str)> {
    let words: Vec<_> =
        question.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.windows(2).filter_map(|pair| Some((pair[0].parse().ok()?, pair[1]))).collect()
}

fn asking(text: &str, calls: Vec<Call>) -> ChatResponse {
    let uses = (1..).zip(calls).map(|(number, (name, input))| {
        Block::ToolUse(ToolUse { id: format!("call-{number}"), name: name.to_owned(), input })
    });
    ChatResponse::new(Msg::new(Role::Assistant, std::iter::once(Block::text(text)).chain(uses).collect()))
}

/// What the tools have said so far.
struct Results<'a>(&'a ChatRequest);

impl Results<'_> {
    /// The price that the tool gave for `article`, or that it failed.
    fn price(&self, article: &str) -> Option<Result<u64, ()>> {
        self.of("price", &json!({ "article": article })).map(|text| text.parse().map_err(|_| ()))
    }

    fn total(&self) -> Option<String> {
        let messages = self.0.messages.iter().rev();
        let mut results = messages.flat_map(Msg::tool_results);
        results.find(|result| result.name == "total").map(|result| result.text())
    }

    /// The answer to a call with these arguments: calls and results stand in the same order.
    fn of(&self, tool: &str, input: &Value) -> Option<String> {
        let messages = || self.0.messages.iter();
        let calls = messages().flat_map(Msg::tool_uses);
        let results = messages().flat_map(Msg::tool_results);
        let answered = calls.zip(results).find(|(call, _)| call.name == tool && call.input == *input);
        answered.map(|(_, result)| result.text())
    }
}
