use std::path::PathBuf;

use crate::terraform::TerraformError;

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
    /// A file is not JSON: truncated, or with comments, or with log lines after it.
    #[error("{file}:{line}:{column} (byte {byte}): not JSON: {expected}")]
    Json {
        /// The file.
        file: String,
        /// 1-based line.
        line: usize,
        /// 1-based column, in bytes of UTF-8.
        column: usize,
        /// 0-based position in the file, whatever its encoding.
        byte: usize,
        /// What belongs there, what is there, and what to do.
        expected: String,
    },
    /// A file has lines before its JSON: a tool's log that went the same way.
    #[error(
        "{file}: {bytes} bytes in {lines} line{} before the JSON, which begins with line {}: remove them; \
         the first is `{first}`",
        if *lines == 1 { "" } else { "s" },
        lines + 1
    )]
    Leading {
        /// The file.
        file: String,
        /// How many bytes, the byte order mark included.
        bytes: usize,
        /// How many lines.
        lines: usize,
        /// The first of them, shortened.
        first: String,
    },
    /// A file or directory is something else altogether, which is not read: a template, another language, nothing at all.
    #[error("{text}")]
    Foreign {
        /// What it is, and what to do instead.
        text: String,
    },
    /// Two objects of one list have the same id and are not the same. Typically caused by merging dumps by hand.
    #[error("{file}: {path}: {id} is also {other}, and they differ in {fields}: remove the one that is wrong")]
    Duplicate {
        /// The file.
        file: String,
        /// The JSON path of the later one.
        path: String,
        /// Their id.
        id: String,
        /// The JSON path of the earlier one.
        other: String,
        /// The fields in which they differ.
        fields: String,
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
    /// A document of Terraform's cannot be read.
    #[error(transparent)]
    Terraform(#[from] TerraformError),
    /// [`crate::Options`] ask for what only documents of Terraform's have.
    #[error("{}: neither a plan nor a state of Terraform's: only those have attributes to bind, and sides", path.display())]
    NotTerraform {
        /// What the user named.
        path: PathBuf,
    },
    /// Nothing in the file or directory is a dump.
    #[error(
        "{}: no describe-* dump in it: expected JSON objects with a key such as `Vpcs`, `Subnets` or `RouteTables`; \
         `vpcemu collect` prints the commands that make one",
        path.display()
    )]
    NoDump {
        /// What the user named.
        path: PathBuf,
    },
    /// A dump without a VPC. Typically caused by another region or account than the network's.
    #[error("{}: no VPC in it: is it the dump of the right region and account?", path.display())]
    NoVpc {
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
    /// A native file cannot be read.
    #[error(transparent)]
    Native(#[from] vpcemu_model::native::Error),
    /// What the documents describe cannot be: the findings, each with its place.
    #[error("{text}")]
    Invalid {
        /// The findings that are errors.
        text: String,
    },
    /// [`crate::Options::binds`] are for a native file.
    #[error(
        "--bind {bind}: the left side is not an IP address, and {} is a native file: only resources of Terraform's have \
         attributes to bind",
        path.display()
    )]
    BindsNative {
        /// The first of them.
        bind: String,
        /// What the user named.
        path: PathBuf,
    },
}
