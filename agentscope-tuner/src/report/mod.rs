//! What people see of an outcome. Nothing is computed here.

mod conversation;
mod failures;
pub mod html;
mod table;

pub use conversation::{conversation, verdict};
pub use failures::failures;
pub use table::{spending, table};
