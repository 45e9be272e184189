//! The committed numbers: `benches/instructions.toml`, one line a case.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use serde::Deserialize;

const HEAD: &str = "\
# Instructions that what is hot takes, for one packet, decision or connection, as valgrind counts them.
# Written by: cargo bench -p vpcemu-benches --bench instructions -- --bless
";

/// What the file says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Committed {
    /// What counted.
    pub(crate) valgrind: String,
    /// What compiled.
    pub(crate) rustc: String,
    /// By case.
    pub(crate) instructions: BTreeMap<String, f64>,
}

impl Committed {
    fn path() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.toml")
    }

    /// Reads the file; nothing if there is none.
    pub(crate) fn read() -> Result<Self, String> {
        let path = Self::path();
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    /// Writes it, with the cases in the order of `names`.
    pub(crate) fn write(&self, names: &[&str]) -> Result<(), String> {
        let mut text = format!("{HEAD}valgrind = {:?}\nrustc = {:?}\n\n[instructions]\n", self.valgrind, self.rustc);
        for name in names {
            if let Some(count) = self.instructions.get(*name) {
                // Writing into a string cannot fail.
                let _ = writeln!(text, "{name:?} = {count:.1}");
            }
        }
        let path = Self::path();
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("written: {}", path.display());
        Ok(())
    }

    /// What is not as when the numbers were written, and may explain why they are others now.
    pub(crate) fn others(&self, valgrind: &str, rustc: &str) -> Vec<String> {
        let both = [(&self.valgrind, valgrind), (&self.rustc, rustc)];
        let other = both.into_iter().filter(|(was, is)| was != is);
        other.map(|(was, is)| format!("they were counted with {was}, and here is {is}")).collect()
    }
}
