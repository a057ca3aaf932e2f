use agentscope_tuner::tool;

struct Counter(f64);

impl Counter {
    /// Adds to the count.
    #[tool]
    async fn add(&self, a: f64) -> f64 {
        self.0 + a
    }
}

fn main() {}
