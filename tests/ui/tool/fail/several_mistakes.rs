use agentscope_tuner::tool;

#[tool(name = "add numbers", name = "sum")]
unsafe fn add([a, b]: [f64; 2], #[model("x")] c: &mut f64) -> f64 {
    a + b + *c
}

fn main() {}
