//! Components inside functions and modules, seen from where they may be seen.

use agentscope_tuner::{Result, judge, tool, workflow};

pub(crate) mod outer {
    use super::*;

    pub(crate) mod inner {
        use super::*;

        /// Seen one module up.
        #[workflow]
        pub(super) async fn one_up(task: String) -> Result<String> {
            Ok(task)
        }

        /// Seen in `outer`'s parent.
        #[workflow]
        pub(in super::super) async fn two_up(task: String) -> Result<String> {
            Ok(task)
        }
    }

    /// Fits a workflow of another module.
    #[judge(for = inner::one_up)]
    pub(crate) async fn near(_task: &str, _response: &str) -> f64 {
        0.5
    }
}

/// Fits a workflow two modules down.
#[judge(for = self::outer::inner::two_up)]
async fn far(_task: &str, _response: &str) -> f64 {
    0.5
}

/// The names of components that only this function sees.
pub(crate) fn local() -> [&'static str; 3] {
    use agentscope_tuner::{agent::FunctionTool, judge::Judge, workflow::Workflow};

    /// Inside a function.
    #[workflow]
    async fn inside(task: String) -> Result<String> {
        Ok(task)
    }

    /// Inside a function.
    #[judge(for = inside, name = "inside-judge")]
    async fn inside_judge(_task: &str, _response: &str) -> f64 {
        0.5
    }

    /// Inside a function.
    #[tool(name = "inside-tool")]
    async fn inside_tool() {}

    [inside::ENTRY.meta.name, inside_judge::ENTRY.meta.name, inside_tool::ENTRY.meta.name]
}
