//! `main!`: the program around the annotated functions.

/// Writes the `main` function: the command line over everything that is registered.
///
/// Component crates are named in the parentheses. A crate that nothing names is never linked, so its workflows
/// and judges would be missing.
///
/// ```ignore
/// agentscope_tuner::main!();                          // this crate alone
/// agentscope_tuner::main!(my_components, more_judges); // and two libraries
/// ```
#[macro_export]
macro_rules! main {
    ($($component:ident),* $(,)?) => {
        $(extern crate $component as _;)*

        fn main() -> $crate::__private::std::process::ExitCode {
            $crate::__private::main($crate::__private::Program {
                name: $crate::__private::std::env!("CARGO_PKG_NAME"),
                version: $crate::__private::std::env!("CARGO_PKG_VERSION"),
                about: $crate::__private::std::env!("CARGO_PKG_DESCRIPTION"),
            })
        }
    };
    ($($anything:tt)*) => {
        $crate::__private::std::compile_error!(
            "main! takes the names of component crates, as in main!() or main!(my_components, more_judges)"
        );
        fn main() {}
    };
}
