//! Logs as files in a folder.

mod draft;
mod layout;
mod writer;

pub use layout::Layout;
pub use writer::{Writer, Written};
