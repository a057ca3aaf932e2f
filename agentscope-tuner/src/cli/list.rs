//! `list`: what is registered.

use crate::registry::Registry;

pub(super) fn list(registry: &Registry) {
    for workflow in registry.workflows() {
        anstream::println!("workflow {} ({})", workflow.meta.name, workflow.meta.location);
        for slot in workflow.slots {
            anstream::println!("  {}: {}", slot.name, slot.role);
        }
    }
    for judge in registry.judges() {
        anstream::println!("judge {} ({})", judge.meta.name, judge.meta.location);
    }
    for tool in registry.tools() {
        anstream::println!("tool {} ({})", tool.meta.name, tool.meta.location);
    }
}
