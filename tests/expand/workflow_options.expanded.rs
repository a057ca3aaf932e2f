async fn solve(task: &str, r#type: Prompt) -> Result<String> {
    todo!()
}
#[doc(hidden)]
#[allow(dead_code, non_camel_case_types, unreachable_pub)]
struct solve {}
#[allow(
    deprecated,
    non_upper_case_globals,
    unused_qualifications,
    clippy::absolute_paths
)]
const _: () = {
    #[automatically_derived]
    impl renamed::tuner::__private::WorkflowFn for solve {
        type Task = renamed::tuner::__private::std::string::String;
        type Return = Result<String>;
        const ENTRY: renamed::tuner::__private::WorkflowEntry = renamed::tuner::__private::workflow_entry::<
            solve,
        >(
            renamed::tuner::__private::Meta {
                name: "math-solver",
                doc: "",
                module: renamed::tuner::__private::std::module_path!(),
                location: renamed::tuner::__private::Location {
                    file: renamed::tuner::__private::std::file!(),
                    line: renamed::tuner::__private::std::line!(),
                    column: renamed::tuner::__private::std::column!(),
                },
            },
            &[
                renamed::tuner::__private::SlotSpec {
                    name: "type",
                    role: <Prompt as renamed::tuner::__private::FromContext>::ROLE,
                    default: renamed::tuner::__private::slot_default(
                        renamed::tuner::__private::SlotDefault::Prompt(
                            renamed::tuner::__private::std::include_str!(
                                renamed::tuner::__private::std::concat!(renamed::tuner::__private::std::env!("CARGO_MANIFEST_DIR"),
                                "/", "prompts/system.md")
                            )
                                .trim_ascii_end(),
                        ),
                        <Prompt as renamed::tuner::__private::FromContext>::ROLE,
                        "#[prompt(…)] gives a default to a slot that holds a prompt; `type: Prompt` does not",
                    ),
                    type_name: renamed::tuner::__private::std::stringify!(Prompt),
                    doc: "",
                },
            ],
            |__task, __context| renamed::tuner::__private::std::boxed::Box::pin(async move {
                let __task = renamed::tuner::__private::task::<solve>(__task)?;
                let __slot0 = <Prompt as renamed::tuner::__private::FromContext>::from_context(
                    &__context,
                    "type",
                )?;
                renamed::tuner::__private::produce::<
                    solve,
                >(solve(&__task, __slot0).await)
            }),
        );
    }
    renamed::tuner::__private::inventory::submit! {
        < solve as renamed::tuner::__private::WorkflowFn > ::ENTRY
    }
};
