use agentscope_tuner::tool;

struct Weather;

/// The weather.
#[tool]
async fn weather(city: &str) -> Result<Weather, String> {
    assert!(!city.is_empty());
    Ok(Weather)
}

fn main() {}
