//! What every annotated function is known by.

use std::fmt;

/// Name, documentation and place of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Name under which it is configured and chosen.
    pub name: &'static str,
    /// The function's doc comment.
    pub doc: &'static str,
    /// Module that holds it.
    pub module: &'static str,
    /// Where it stands.
    pub location: Location,
}

/// A place in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The file as the compiler was given it.
    pub file: &'static str,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
