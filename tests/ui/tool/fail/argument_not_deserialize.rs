use agentscope_tuner::tool;

#[derive(schemars::JsonSchema)]
struct City(String);

/// The weather.
#[tool]
async fn weather(city: &City) -> String {
    city.0.clone()
}

fn main() {}
