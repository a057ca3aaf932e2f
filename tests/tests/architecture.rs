//! Modules use only what stands above them: the order of ARCHITECTURE.md.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// From the ground up. A module may use itself and those before it.
const ORDER: [&str; 19] = [
    "error",
    "text",
    "seed",
    "component",
    "message",
    "dataset",
    "model",
    "agent",
    "workflow",
    "judge",
    "registry",
    "candidate",
    "rollout",
    "gateway",
    "strategy",
    "report",
    "config",
    "tuner",
    "cli",
];

/// Files of the facade: re-exports for users and for generated code.
const FACADE: [&str; 4] = ["lib", "prelude", "private", "main_macro"];

#[test]
fn dependencies_go_one_way() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agentscope-tuner/src");
    let mut faults = Vec::new();
    for file in rust_files(&source) {
        let inside = file.strip_prefix(&source).unwrap();
        let module = module_of(inside);
        if FACADE.contains(&module.as_str()) {
            continue;
        }
        let Some(rank) = rank(&module) else {
            faults.push(format!("{}: module `{module}` has no place in the order", inside.display()));
            continue;
        };
        for used in used_modules(&fs::read_to_string(&file).unwrap()) {
            if rank < self::rank(&used).unwrap_or(usize::MAX) {
                faults.push(format!(
                    "{}: `{module}` stands below `{used}` and must not use it",
                    inside.display()
                ));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_module_of_the_order_exists() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agentscope-tuner/src");
    for module in ORDER {
        let exists = source.join(module).is_dir() || source.join(module).with_extension("rs").is_file();
        assert!(exists, "`{module}` is gone: take it out of the order");
    }
}

#[test]
fn uses_are_found_in_all_their_forms() {
    let text = "use crate::error::Error;\nuse crate::{\n    model::{self, Usage},\n    agent::Tool,\n};\nlet x = crate::cli::main();\n// use crate::report;";
    let mut used = used_modules(text);
    used.sort();
    assert_eq!(used, ["agent", "cli", "error", "model"]);
}

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|name| *name == module)
}

fn module_of(inside: &Path) -> String {
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        // Tests may look at everything.
        .filter(|path| !path.ends_with("tests.rs"))
        .collect()
}

/// The modules that stand behind `crate::`, in paths and in groups; comments and test modules are left out.
fn used_modules(text: &str) -> Vec<String> {
    let code: String = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default()
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    code.match_indices("crate::")
        .filter(|(at, _)| !preceded_by_name(&code, *at))
        .flat_map(|(at, found)| names(&code[at + found.len()..]))
        .collect()
}

/// Whether it is the end of another name, such as `$crate::` of a macro for users.
fn preceded_by_name(code: &str, at: usize) -> bool {
    code[..at].ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == '$')
}

/// The first names of a path or of a group of paths.
fn names(rest: &str) -> Vec<String> {
    let name =
        |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let mut depth = 0;
    let mut found = Vec::new();
    let mut start = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(name(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(name(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    found.retain(|name| !name.is_empty());
    found
}
