/// Whether the answer is right.
async fn right(task: &MathTask, response: Msg, grader: Model) -> bool {
    task.answer == response.text()
}
#[doc(hidden)]
#[allow(dead_code, non_camel_case_types, unreachable_pub)]
struct right {}
#[allow(
    deprecated,
    non_upper_case_globals,
    unused_qualifications,
    clippy::absolute_paths
)]
const _: () = {
    #[automatically_derived]
    impl ::agentscope_tuner::__private::Judge for right {
        type Task = MathTask;
        type Response = Msg;
        const ENTRY: ::agentscope_tuner::__private::JudgeEntry = ::agentscope_tuner::__private::JudgeEntry {
            meta: ::agentscope_tuner::__private::Meta {
                name: "right",
                doc: "Whether the answer is right.",
                module: ::agentscope_tuner::__private::std::module_path!(),
                location: ::agentscope_tuner::__private::Location {
                    file: ::agentscope_tuner::__private::std::file!(),
                    line: ::agentscope_tuner::__private::std::line!(),
                    column: ::agentscope_tuner::__private::std::column!(),
                },
            },
            slots: &[
                ::agentscope_tuner::__private::SlotSpec {
                    name: "grader",
                    role: <Model as ::agentscope_tuner::__private::FromContext>::ROLE,
                    default: ::agentscope_tuner::__private::SlotDefault::None,
                    type_name: ::agentscope_tuner::__private::std::stringify!(Model),
                    doc: "",
                },
            ],
            task: ::agentscope_tuner::__private::TypeInfo::of::<MathTask>(),
            response: ::agentscope_tuner::__private::TypeInfo::of::<Msg>(),
            workflow: {
                let () = <<workflows::solve as ::agentscope_tuner::__private::Workflow>::Task as ::agentscope_tuner::__private::IsTaskOf<
                    MathTask,
                >>::CHECKED;
                let () = <<workflows::solve as ::agentscope_tuner::__private::Workflow>::Response as ::agentscope_tuner::__private::IsResponseOf<
                    Msg,
                >>::CHECKED;
                ::agentscope_tuner::__private::std::option::Option::Some(
                    <workflows::solve as ::agentscope_tuner::__private::Workflow>::ENTRY
                        .meta
                        .name,
                )
            },
            run: |__judged, __context| ::agentscope_tuner::__private::std::boxed::Box::pin(async move {
                let __task = ::agentscope_tuner::__private::unerase::<
                    MathTask,
                >(__judged.task)?;
                let __response = ::agentscope_tuner::__private::unerase_owned::<
                    Msg,
                >(__judged.response)?;
                let __slot0 = <Model as ::agentscope_tuner::__private::FromContext>::from_context(
                    &__context,
                    "grader",
                )?;
                let __output = right(&__task, __response, __slot0).await;
                <bool as ::agentscope_tuner::__private::JudgeReturn>::into_reward(
                    __output,
                )
            }),
        };
    }
    ::agentscope_tuner::__private::inventory::submit! {
        < right as ::agentscope_tuner::__private::Judge > ::ENTRY
    }
};
