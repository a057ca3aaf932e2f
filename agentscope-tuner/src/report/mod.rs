//! What people and other programs see of a run. Nothing is computed here.

mod conversation;
mod failures;
pub mod html;
mod mlflow;
mod series;
mod table;
mod tensorboard;
mod together;

pub use conversation::{conversation, verdict};
pub use failures::failures;
pub use mlflow::MlFlow;
pub use series::json_lines;
pub use table::{spending, table};
pub use tensorboard::EventFile;
pub use together::together;
