use agentscope_tuner::tool;

#[derive(serde::Deserialize)]
struct City(String);

/// The weather.
#[tool]
async fn weather(city: City) -> String {
    city.0
}

fn main() {}
