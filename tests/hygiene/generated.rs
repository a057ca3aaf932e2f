//! Components that macros of the user write.

use agentscope_tuner::{Result, judge, model::Model, tool, workflow, workflow::Prompt};

/// All tokens of the functions come from the macro, but for what it is given.
macro_rules! components {
    ($workflow:ident, $judge:ident, $tool:ident: $argument:ident, $task:ty, $borrowed:ty, $text:literal) => {
        #[doc = concat!("Solves ", stringify!($task), ".")]
        #[workflow]
        async fn $workflow(task: $task, #[prompt($text)] $argument: Prompt, model: &Model) -> Result<$task> {
            model.ask($argument).await?;
            Ok(task)
        }

        #[doc = $text]
        #[judge(for = $workflow)]
        async fn $judge(task: $borrowed, $argument: &$task, model: Model) -> bool {
            model.ask("?").await.is_ok() && task == $argument
        }

        #[doc = $text]
        #[tool]
        async fn $tool($argument: &$task, other: $borrowed) -> Result<bool, String> {
            Ok($argument == other)
        }
    };
}

components!(written, written_judge, written_tool: given, String, &String, "Be brief.");

/// The whole function comes from outside.
macro_rules! passed_on {
    ($($item:item)*) => { $($item)* };
}

passed_on! {
    /// Passed on.
    #[workflow]
    pub(crate) async fn passed(task: &str, #[prompt("Be brief.")] system: Prompt) -> Result<String> {
        Ok(format!("{system} {task}"))
    }
}

/// The crate under a path that only the macro can name.
macro_rules! renamed {
    ($name:ident, $judge:ident, $tool:ident) => {
        #[doc = "Through another path."]
        #[workflow(crate = $crate::tuner)]
        async fn $name(task: String) -> Result<String> {
            Ok(task)
        }

        #[doc = "Through another path."]
        #[judge(for = $name, crate = $crate::tuner)]
        async fn $judge(_task: &str, _response: &str) -> bool {
            true
        }

        #[doc = "Through another path."]
        #[tool(crate = $crate::tuner)]
        async fn $tool(text: &str) -> String {
            text.to_owned()
        }
    };
}

renamed!(elsewhere, elsewhere_judge, elsewhere_tool);
