//! What people see of an outcome. Nothing is computed here.

mod conversation;
mod table;

pub use conversation::{conversation, verdict};
pub use table::{spending, table};
