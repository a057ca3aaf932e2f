//! A shop assistant with tools: it looks prices up, which can fail, and adds them.

mod assistant;

use agentscope_tuner::{
    judge::builtin::{Tolerance, numeric},
    prelude::*,
};

/// One row of `data/test.jsonl`.
#[derive(Clone, Deserialize)]
struct Order {
    question: String,
    /// In cents.
    total: String,
}

/// Articles and their prices in cents.
const CATALOGUE: [(&str, u32); 8] = [
    ("eraser", 75),
    ("folder", 240),
    ("marker", 185),
    ("notebook", 320),
    ("pen", 149),
    ("ruler", 95),
    ("stamp", 110),
    ("stapler", 899),
];

/// Looks up the price of one article, in cents.
#[tool]
async fn price(
    /// Its name in the catalogue.
    article: &str,
) -> Result<u32, String> {
    let found = CATALOGUE.iter().find(|(name, _)| *name == article);
    let names = || CATALOGUE.map(|(name, _)| name).join(", ");
    found
        .map(|(_, price)| *price)
        .ok_or_else(|| format!("there is no `{article}`; the catalogue has: {}", names()))
}

/// One line of an order.
#[derive(Deserialize, JsonSchema)]
struct Line {
    /// Price of one piece, in cents.
    price: u32,
    /// Pieces.
    count: u32,
}

/// Adds an order up, in cents.
#[tool]
async fn total(
    /// The lines of the order.
    lines: Vec<Line>,
) -> u32 {
    lines.iter().map(|line| line.price * line.count).sum()
}

/// Answers what an order costs.
#[workflow]
async fn serve(
    task: Order,
    model: Model,
    #[prompt("You are a shop assistant.")] system: Prompt,
    context: Context,
) -> Result<Msg> {
    let mut agent = ReActAgent::new(model).system(system).tool::<price>().tool::<total>();
    let reply = agent.reply(Msg::user(task.question)).await?;
    let results: Vec<_> = agent.messages().iter().flat_map(Msg::tool_results).collect();
    context.metric("tool-calls", results.len() as f64);
    context.metric("failed-calls", results.iter().filter(|result| result.is_error).count() as f64);
    Ok(reply)
}

/// 1 when the last number of the reply is the total.
#[judge]
async fn right_total(task: &Order, response: &Msg) -> Result<Reward> {
    numeric(&response.text(), &task.total, &Tolerance::default())
}

agentscope_tuner::main!();
