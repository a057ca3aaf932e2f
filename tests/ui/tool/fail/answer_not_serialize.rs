use agentscope_tuner::tool;

struct Weather;

/// The weather.
#[tool]
async fn weather(city: &str) -> Weather {
    assert!(!city.is_empty());
    Weather
}

fn main() {}
