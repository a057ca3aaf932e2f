//! `{% generation %}` blocks, which mark what the assistant wrote for trainers that mask by template.
//!
//! This program records the tokens that were sampled and needs no marks, so a block is only what it is to rendering: a
//! scope.

/// Writes the tags of generation blocks as those of a `with` block, which is Jinja's plain scope.
pub(super) fn as_scopes(source: &str) -> String {
    let mut result = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let (before, tag) = rest.split_at(start);
        result.push_str(before);
        let Some(end) = tag[2..].find("%}").map(|end| end + 2) else {
            rest = tag;
            break;
        };
        let (tag, after) = tag.split_at(end + 2);
        let inner = tag[2..end].trim_matches(['-', '+']).trim();
        match inner {
            "generation" => result.push_str(&tag.replace("generation", "with")),
            "endgeneration" => result.push_str(&tag.replace("endgeneration", "endwith")),
            _ => {
                // A `%}` within a string of the tag ends the search too early, so go on right behind the opening.
                result.push_str("{%");
                rest = &rest[start + 2..];
                continue;
            }
        }
        rest = after;
    }
    result.push_str(rest);
    result
}
