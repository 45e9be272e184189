use std::io::Write;
use std::path::PathBuf;

/// What ends a run with exit code 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Native(#[from] vpcemu_model::native::Error),
    #[error(transparent)]
    Import(#[from] vpcemu_import::Error),
    #[error(transparent)]
    Diff(#[from] vpcemu_diff::Error),
    #[error(transparent)]
    FlowLog(#[from] vpcemu_flowlog::Error),
    #[error(transparent)]
    Lab(#[from] vpcemu_lab::Error),
    #[error(transparent)]
    Replay(#[from] vpcemu_replay::Error),
    #[error(transparent)]
    Suite(#[from] vpcemu_suite::Error),
    #[error("{path}: {source}", path = path.display())]
    Convert { path: PathBuf, source: vpcemu_model::native::Inexpressible },
    #[error("{path}: cannot be written: {source}", path = path.display())]
    Capture { path: PathBuf, source: vpcemu_capture::Error },
    #[error("{path}: cannot be written: {source}", path = path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Usage(String),
    #[error("standard output: {0}")]
    Stdout(std::io::Error),
    #[error("{name} cannot be made: {source}")]
    Runtime { name: &'static str, source: std::io::Error },
}

impl Error {
    pub(crate) fn json(error: serde_json::Error) -> Self {
        Self::Stdout(error.into())
    }
}

/// Says on standard error what ended a run.
pub(crate) fn complain(error: &Error) {
    let text = error.to_string();
    let colon = if text.contains('\n') { "\n" } else { " " };
    eprintln!("vpcemu: error:{colon}{}", text.trim_end());
}

/// Prints to standard output; a closed pipe is not a panic.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Error::Stdout)
}
