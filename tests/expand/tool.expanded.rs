/// Looks up the weather.
async fn weather(city: &str, days: &[u8], unit: Option<Unit>) -> Result<Weather> {
    lookup(city, days, unit).await
}
#[doc(hidden)]
#[allow(dead_code, non_camel_case_types, unreachable_pub)]
struct weather {}
#[allow(
    deprecated,
    non_upper_case_globals,
    unused_qualifications,
    clippy::absolute_paths
)]
const _: () = {
    #[allow(unused_imports)]
    use ::agentscope_tuner::__private::std::convert::Into as _;
    #[derive(
        ::agentscope_tuner::__private::serde::Deserialize,
        ::agentscope_tuner::__private::schemars::JsonSchema
    )]
    #[serde(crate = "::agentscope_tuner::__private::serde", deny_unknown_fields)]
    #[schemars(crate = "::agentscope_tuner::__private::schemars")]
    struct __Arguments {
        /// Name of the city.
        city: ::agentscope_tuner::__private::std::string::String,
        days: ::agentscope_tuner::__private::std::vec::Vec<u8>,
        unit: Option<Unit>,
    }
    #[automatically_derived]
    impl ::agentscope_tuner::__private::FunctionTool for weather {
        const ENTRY: ::agentscope_tuner::__private::ToolEntry = ::agentscope_tuner::__private::ToolEntry {
            meta: ::agentscope_tuner::__private::Meta {
                name: "weather",
                doc: "Looks up the weather.",
                module: ::agentscope_tuner::__private::std::module_path!(),
                location: ::agentscope_tuner::__private::Location {
                    file: ::agentscope_tuner::__private::std::file!(),
                    line: ::agentscope_tuner::__private::std::line!(),
                    column: ::agentscope_tuner::__private::std::column!(),
                },
            },
            parameters: || {
                static __SCHEMA: ::agentscope_tuner::__private::std::sync::LazyLock<
                    ::agentscope_tuner::__private::serde_json::Value,
                > = ::agentscope_tuner::__private::std::sync::LazyLock::new(
                    ::agentscope_tuner::__private::arguments_schema::<__Arguments>,
                );
                ::agentscope_tuner::__private::std::clone::Clone::clone(&*__SCHEMA)
            },
            call: |__input| ::agentscope_tuner::__private::std::boxed::Box::pin(async move {
                let __arguments = ::agentscope_tuner::__private::parse_arguments::<
                    __Arguments,
                >(&__input)?;
                let __output = weather(
                        &__arguments.city,
                        &__arguments.days,
                        __arguments.unit,
                    )
                    .await;
                ::agentscope_tuner::__private::try_tool_output(__output)
            }),
        };
    }
    ::agentscope_tuner::__private::inventory::submit! {
        < weather as ::agentscope_tuner::__private::FunctionTool > ::ENTRY
    }
};
