//! Programs that `main!` wrote, run as a user runs them.

use std::process::{Command, Output};

fn run(program: &str) -> Output {
    Command::new(program).arg("list").env("NO_COLOR", "1").output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the program writes UTF-8")
}

#[test]
fn libraries_that_main_names_are_linked() {
    let output = run(env!("CARGO_BIN_EXE_linked"));
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for name in ["parrot", "spoke", "shout", "renamed-ask", "renamed-short", "renamed-count"] {
        assert!(shown.contains(name), "`{name}` is missing:\n{shown}");
    }
}

#[test]
fn two_components_of_one_name_are_an_error_that_shows_both() {
    let output = run(env!("CARGO_BIN_EXE_doubled"));
    let error = text(&output.stderr);
    assert!(!output.status.success());
    for part in ["`parrot`", "fixture_component", "component/src/lib.rs", "programs/doubled.rs", "name ="] {
        assert!(error.contains(part), "`{part}` is missing:\n{error}");
    }
}

#[test]
fn a_program_without_components_says_how_to_get_some() {
    let output = run(env!("CARGO_BIN_EXE_empty"));
    let error = text(&output.stderr);
    assert!(!output.status.success());
    assert!(error.contains("#[workflow]") && error.contains("main!("), "{error}");
}

#[test]
fn faults_of_the_code_and_of_the_configuration_are_shown_together() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_doubled"));
    let output =
        program.args(["list", "--set", "slots.nobody.model=x"]).output().expect("the program starts");
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    for part in ["two workflows are named `parrot`", "[slots.nobody]"] {
        assert!(error.contains(part), "`{part}` is missing:\n{error}");
    }
}
