mod extraction;
mod properties;
mod rewards;
mod texts;

use std::path::Path;

use serde_json::Value;

/// What `make_fixtures.py` made with the reference packages.
pub(super) fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/judge").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
