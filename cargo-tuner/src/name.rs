//! Names that cargo takes for a package with a program in it.

use std::fmt;

/// Taken: by what the project depends on, by crates of the compiler, by folders that cargo keeps beside programs.
const TAKEN: [&str; 12] = [
    "agentscope-tuner",
    "alloc",
    "build",
    "core",
    "deps",
    "examples",
    "incremental",
    "proc-macro",
    "serde",
    "std",
    "test",
    "tokio",
];

/// A name that a project can have.
#[derive(Clone, Debug)]
pub(crate) struct Name(String);

impl Name {
    /// Checks `text`.
    ///
    /// # Errors
    /// What is wrong with it, and a name that would do.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: String| Err(format!("{why}; a name such as `my-agent` will do"));
        let Some(first) = text.chars().next() else { return wrong("a name has at least one letter".into()) };
        if let Some(odd) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')) {
            return wrong(format!(
                "it holds `{odd}`, but only letters, digits, `-` and `_` of ASCII can be in it"
            ));
        }
        if !first.is_ascii_alphabetic() && first != '_' {
            return wrong(format!("it begins with `{first}`, but must begin with a letter"));
        }
        let identifier = text.replace('-', "_");
        if syn::parse_str::<syn::Ident>(&identifier).is_err() {
            return wrong(format!("`{text}` means something in Rust itself"));
        }
        if TAKEN.contains(&&*text.replace('_', "-")) {
            return wrong(format!("`{text}` is the name of something that the project is built with"));
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cargo_takes_are_taken() {
        for name in ["my-agent", "agent2", "_private", "A", "x-y_z"] {
            assert_eq!(Name::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn other_names_are_refused_with_the_reason() {
        for (name, why) in [
            ("", "at least one letter"),
            ("2nd", "begins with `2`"),
            ("-x", "begins with `-`"),
            ("my agent", "holds ` `"),
            ("../up", "holds `.`"),
            ("über", "holds `ü`"),
            ("match", "in Rust itself"),
            ("self", "in Rust itself"),
            ("_", "in Rust itself"),
            ("test", "built with"),
            ("proc_macro", "built with"),
            ("serde", "built with"),
        ] {
            let fault = Name::parse(name).unwrap_err();
            assert!(fault.contains(why) && fault.contains("my-agent"), "{name}: {fault}");
        }
    }
}
