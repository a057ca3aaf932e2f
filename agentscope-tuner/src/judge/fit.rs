//! Whether a judge is one for a workflow, as the compiler checks it.

use crate::workflow::Group;

/// Holds where the workflow of `for = …` has the judge's task type.
#[diagnostic::on_unimplemented(
    message = "the judge takes a task of type `{Judged}`, but the task of its workflow is a `{Self}`",
    label = "the task of this workflow is a `{Self}`",
    note = "give both the same task type; a judge for any workflow takes `serde_json::Value`, without `for = …`"
)]
pub trait IsTaskOf<Judged> {
    /// Names the bound where nothing else would.
    const CHECKED: () = ();
}

#[diagnostic::do_not_recommend]
impl<T> IsTaskOf<T> for T {}

/// Holds where the workflow of `for = …` has the judge's response type, or the judge takes a [`Group`] of it.
#[diagnostic::on_unimplemented(
    message = "the judge takes a response of type `{Judged}`, but its workflow responds with a `{Self}`",
    label = "this workflow responds with a `{Self}`",
    note = "give the judge the type that stands in the workflow's `Result`; a judge for any workflow takes `serde_json::Value`, without `for = …`"
)]
pub trait IsResponseOf<Judged> {
    /// Names the bound where nothing else would.
    const CHECKED: () = ();
}

#[diagnostic::do_not_recommend]
impl<T> IsResponseOf<T> for T {}

#[diagnostic::do_not_recommend]
impl<T> IsResponseOf<Group<T>> for T {}
