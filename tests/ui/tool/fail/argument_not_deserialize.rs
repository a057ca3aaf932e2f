use agentscope_tuner::tool;

struct City(String);

/// The weather.
#[tool]
async fn weather(city: &City) -> String {
    city.0.clone()
}

fn main() {}
