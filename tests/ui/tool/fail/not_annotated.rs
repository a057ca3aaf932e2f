use agentscope_tuner::agent::FunctionTool;

#[allow(non_camel_case_types)]
struct add {}

fn describe<T: FunctionTool>() {}

fn main() {
    describe::<add>();
}
