//! What must hold between the components of a program.

use serde_json::Value;

use super::Registry;
use crate::{
    component::Meta,
    judge::JudgeEntry,
    workflow::{Group, TypeInfo, WorkflowEntry},
};

/// Every fault of `registry`, each with its place and the remedy.
pub(super) fn faults(registry: &Registry) -> Vec<String> {
    let mut faults = Vec::new();
    if registry.workflows.is_empty() {
        faults.push(
            "no workflow is registered: put #[workflow] on an async function; if it stands in a library, \
             name the library in main!(my_library)"
                .to_owned(),
        );
    }
    faults.extend(doubled("workflow", registry.workflows.iter().map(|entry| entry.meta)));
    faults.extend(doubled("judge", registry.judges.iter().map(|entry| entry.meta)));
    faults.extend(doubled("tool", registry.tools.iter().map(|entry| entry.meta)));
    if !registry.workflows.is_empty() {
        faults.extend(registry.judges.iter().filter_map(|judge| fits_none(judge, &registry.workflows)));
    }
    faults
}

/// Whether `judge` can judge what `workflow` makes.
pub(super) fn fits(judge: &JudgeEntry, workflow: &WorkflowEntry) -> bool {
    misfit(judge, workflow).is_none()
}

/// Why `judge` cannot judge what `workflow` makes.
pub(super) fn misfit(judge: &JudgeEntry, workflow: &WorkflowEntry) -> Option<String> {
    let named = |what: &str| {
        let (judge, workflow) = (judge.meta, workflow.meta);
        format!(
            "judge `{}` ({}) does not fit workflow `{}` ({}): {what}",
            judge.name, judge.location, workflow.name, workflow.location
        )
    };
    if let Some(meant) = judge.workflow.filter(|meant| *meant != workflow.meta.name) {
        return Some(named(&format!("it says `for = {meant}`")));
    }
    let differ = |role: &str, judge: TypeInfo, json: TypeInfo, workflow: TypeInfo| {
        let takes = judge == json || judge == workflow;
        (!takes).then(|| named(&format!("its {role} is `{judge:?}`, the workflow's is `{workflow:?}`")))
    };
    let json = TypeInfo::of::<Value>();
    differ("task", judge.task, json, workflow.task).or_else(|| {
        if judge.group {
            let json = TypeInfo::of::<Group<Value>>();
            return differ("group of responses", judge.response, json, workflow.group);
        }
        if judge.response == workflow.group {
            return Some(named("it takes a `Group` of responses, so it returns a `Vec` of rewards"));
        }
        differ("response", judge.response, json, workflow.response)
    })
}

fn fits_none(judge: &JudgeEntry, workflows: &[WorkflowEntry]) -> Option<String> {
    let reasons: Option<Vec<_>> = workflows.iter().map(|workflow| misfit(judge, workflow)).collect();
    reasons.map(|reasons| {
        let reasons = reasons.join("\n  ");
        format!(
            "judge `{}` ({}) fits no workflow; give it the task and response types of one, or `serde_json::Value`:\n  {reasons}",
            judge.meta.name, judge.meta.location
        )
    })
}

/// Entries are sorted by name, so equal names are neighbours.
fn doubled<'a>(kind: &'a str, entries: impl Iterator<Item = Meta> + 'a) -> Vec<String> {
    let entries: Vec<_> = entries.collect();
    let twice = entries.windows(2).filter(|pair| pair[0].name == pair[1].name);
    twice
        .map(|pair| {
            let [first, second] = [pair[0], pair[1]];
            format!(
                "two {kind}s are named `{}`: in module `{}` ({}) and in module `{}` ({}); rename one with #[{kind}(name = \"…\")]",
                first.name, first.module, first.location, second.module, second.location
            )
        })
        .collect()
}
