//! Tightened groups as tables of the native file.

use vpcemu_model::native::{self, Inexpressible};

use super::Tightened;
use super::print::heading;

/// The tables of all security groups, ready to take the place of those that a file has.
///
/// # Errors
/// If the native file cannot say the network.
pub fn toml(tightened: &Tightened) -> Result<String, Inexpressible> {
    let text = native::write(&tightened.network, "tightened rules")?;
    // The writer puts a blank line before each table, and none inside.
    let is_group = |block: &&str| block.lines().any(|line| line.starts_with("[security_group."));
    let blocks: Vec<_> = text.split("\n\n").filter(is_group).map(str::trim_end).collect();
    Ok(format!("{}\n{}\n", heading(tightened), blocks.join("\n\n")))
}
