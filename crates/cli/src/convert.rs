//! `vpcemu convert`.

use vpcemu_model::native;

use crate::Ending;
use crate::args::Convert;
use crate::config::refuse_assumptions;
use crate::error::{Error, print};

pub(crate) fn run(arguments: &Convert) -> Result<Ending, Error> {
    let Convert { configuration, output, strict } = arguments;
    let (path, loaded) = (&configuration.path, configuration.load()?);
    if *strict {
        refuse_assumptions(&loaded.network.assumptions)?;
    }
    let text = native::write(&loaded.network, &path.display().to_string())
        .map_err(|source| Error::Convert { path: path.clone(), source })?;
    match output {
        None => print(&text)?,
        Some(output) => {
            std::fs::write(output, text).map_err(|source| Error::Write { path: output.clone(), source })?;
        }
    }
    if !loaded.ignored.is_empty() {
        let (path, what) = (path.display(), if loaded.ignored.len() == 1 { "one thing" } else { "things" });
        eprintln!("vpcemu: {path} has {what} that no file of vpcemu says; `vpcemu check {path}` lists what is ignored");
    }
    Ok(Ending::Done)
}
