//! Every form of a tool.

use agentscope_tuner::{agent::ToolOutput, message::Block, prelude::*, tool};
use schemars::JsonSchema;

/// A place.
#[derive(Deserialize, JsonSchema)]
struct City {
    name: String,
}

/// Adds two numbers.
#[tool]
async fn add(
    /// First term.
    a: f64,
    b: Option<f64>,
) -> f64 {
    a + b.unwrap_or_default()
}

/// Looks up the weather.
#[tool(name = "weather_at")]
async fn weather(city: &City, words: &[String], unit: &str) -> Result<String, String> {
    if words.is_empty() { Err("say more".into()) } else { Ok(format!("{} in {unit}", city.name)) }
}

/// Draws.
#[tool]
async fn draw() -> ToolOutput {
    vec![Block::text("a picture")]
}

/// Does nothing.
#[tool]
async fn rest() {}

fn main() {}
