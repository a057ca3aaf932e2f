use agentscope_tuner::{Result, judge, registry::Registry, workflow, workflow::Group};
use serde_json::Value;

/// Echoes.
#[workflow]
async fn echo(task: String) -> Result<String> {
    Ok(task)
}

mod second {
    use agentscope_tuner::{Result, workflow};

    /// Echoes too.
    #[workflow]
    pub(super) async fn echo(task: String) -> Result<String> {
        Ok(task)
    }
}

/// Measures.
#[workflow]
async fn length(task: &str) -> Result<usize> {
    Ok(task.len())
}

/// For `echo` alone.
#[judge(for = echo)]
async fn same(task: &str, response: &str) -> bool {
    task == response
}

/// For no workflow at all.
#[judge]
async fn stray(task: &u8, response: &u8) -> bool {
    task == response
}

/// For all.
#[judge]
async fn anything(task: &Value, response: &Value) -> bool {
    task == response
}

/// For no workflow here.
#[judge]
async fn all_shorter(task: &str, responses: &Group<u8>) -> Vec<bool> {
    responses.iter().map(|response| usize::from(*response) < task.len()).collect()
}

/// Forgets that it is shown several.
#[judge]
async fn one_of_many(task: &String, responses: &Group<String>) -> bool {
    responses.iter().any(|response| response == task)
}

/// Which of them repeat the task.
#[judge(for = echo)]
async fn repeats(task: &str, responses: &Group<String>) -> Vec<bool> {
    responses.iter().map(|response| response == task).collect()
}

fn fault(registry: Result<Registry>) -> String {
    registry.expect_err("the registry has faults").to_string()
}

#[test]
fn two_workflows_of_one_name_are_refused_with_both_places() {
    let fault = fault(Registry::builder().workflow::<second::echo>().workflow::<echo>().build());
    assert!(fault.contains("two workflows are named `echo`"), "{fault}");
    assert_eq!(fault.matches("registry.rs:").count(), 2, "{fault}");
    assert!(fault.contains("::second`"), "{fault}");
}

#[test]
fn a_judge_that_fits_no_workflow_is_refused_with_the_reason() {
    let fault = fault(Registry::builder().workflow::<echo>().judge::<stray>().build());
    assert!(fault.contains("`stray`") && fault.contains("its task is `u8`"), "{fault}");
}

#[test]
fn a_judge_of_a_group_takes_the_group_of_its_workflow_and_returns_a_reward_for_each() {
    assert!(Registry::builder().workflow::<echo>().judge::<repeats>().build().is_ok());
    let other = fault(Registry::builder().workflow::<echo>().judge::<all_shorter>().build());
    assert!(other.contains("its group of responses is") && other.contains("Group<u8>"), "{other}");
    let one = fault(Registry::builder().workflow::<echo>().judge::<one_of_many>().build());
    assert!(one.contains("returns a `Vec` of rewards"), "{one}");
}

#[test]
fn all_faults_are_listed() {
    let faults = fault(Registry::builder().workflow::<echo>().workflow::<echo>().judge::<stray>().build());
    assert!(faults.contains("two workflows") && faults.contains("`stray`"), "{faults}");
    assert!(fault(Registry::builder().build()).contains("no workflow is registered"));
}

#[test]
fn a_judge_is_found_for_each_workflow() {
    let builder = Registry::builder().workflow::<echo>().workflow::<length>();
    let registry = builder.judge::<same>().judge::<anything>().build().unwrap();
    let judge = |workflow: &str| {
        let workflow = registry.workflow(Some(workflow)).unwrap();
        registry.judge(workflow, None).unwrap().unwrap().meta.name
    };
    assert_eq!((judge("echo"), judge("length")), ("same", "anything"));
    let length = registry.workflow(Some("length")).unwrap();
    assert!(registry.judge(length, Some("same")).unwrap_err().to_string().contains("for = echo"));
}

#[test]
fn annotations_register_themselves() {
    // This program holds two workflows called `echo`, which `collect` finds.
    let fault = fault(Registry::collect());
    assert!(fault.contains("two workflows are named `echo`"), "{fault}");
}
