//! `vpcemu completions`.

use clap::CommandFactory;

use crate::Ending;
use crate::args::{Arguments, Completions};
use crate::error::{Error, print};

pub(crate) fn run(arguments: &Completions) -> Result<Ending, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "vpcemu", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Ending::Done)
}
