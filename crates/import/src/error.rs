use std::path::PathBuf;

/// Why a dump could not be read. Every sentence names the file and the place in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory cannot be opened or read: it is absent, or permissions forbid it.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is not text: neither UTF-8 nor UTF-16 with a byte order mark. Typically a compressed or binary file.
    #[error("{file}: byte {offset}: not {encoding}")]
    Encoding {
        /// The file.
        file: String,
        /// The first byte that does not fit.
        offset: usize,
        /// What the file was taken for.
        encoding: &'static str,
    },
    /// A file is not JSON: truncated, or with comments, or with log lines before or after it.
    #[error("{file}:{line}:{column}: not JSON: {cause}")]
    Json {
        /// The file.
        file: String,
        /// 1-based line.
        line: usize,
        /// 1-based column, in bytes.
        column: usize,
        /// What the parser says.
        cause: String,
    },
    /// A field holds something that it cannot hold: a damaged address, a port above 65535, a list where text belongs.
    #[error("{file}: {path}: expected {expected}, found {found}")]
    Value {
        /// The file.
        file: String,
        /// The JSON path of the field.
        path: String,
        /// What belongs there.
        expected: &'static str,
        /// What is there, shortened.
        found: String,
    },
    /// An object lacks a field without which it means nothing. Typically caused by a `--query` that left it out.
    #[error("{file}: {path}: no {key}")]
    Missing {
        /// The file.
        file: String,
        /// The JSON path of the object.
        path: String,
        /// The field.
        key: &'static str,
    },
    /// Nothing in the file or directory is a dump.
    #[error(
        "{}: no describe-* dump in it: expected JSON objects with a key such as `Vpcs`, `Subnets` or `RouteTables`",
        path.display()
    )]
    NoDump {
        /// What the user named.
        path: PathBuf,
    },
    /// [`crate::Options::vpc`] names a VPC that the dump does not have.
    #[error("{}: no VPC {vpc} in it; it has {found}", path.display())]
    UnknownVpc {
        /// What the user named.
        path: PathBuf,
        /// The VPC asked for.
        vpc: String,
        /// The VPCs it has.
        found: String,
    },
}
