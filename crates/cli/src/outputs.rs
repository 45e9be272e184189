//! What is written must not take the place of what is read.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// Refuses outputs that are inputs too, before anything is touched.
pub(crate) fn refuse_inputs<'a>(
    outputs: impl IntoIterator<Item = &'a Path>,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), Error> {
    let inputs: Vec<_> = inputs.into_iter().filter_map(|input| Some((input, input.canonicalize().ok()?))).collect();
    for output in outputs {
        let Some(real) = real(output) else { continue };
        if let Some((input, _)) = inputs.iter().find(|(_, input)| input.is_file() && *input == real) {
            let (output, input) = (output.display(), input.display());
            return Err(Error::Usage(format!("{output}: would be written over {input}, which is read")));
        }
    }
    Ok(())
}

/// Refuses an output in a folder every file of which is read.
pub(crate) fn refuse_within<'a>(output: &Path, folders: impl IntoIterator<Item = &'a Path>) -> Result<(), Error> {
    let Some(real) = real(output) else { return Ok(()) };
    for folder in folders {
        if folder.canonicalize().is_ok_and(|of| of.is_dir() && real.starts_with(of)) {
            let (output, folder) = (output.display(), folder.display());
            return Err(Error::Usage(format!(
                "{output}: would be in {folder}, every file of which is read as a flow log; write it somewhere else"
            )));
        }
    }
    Ok(())
}

/// Where a file is or will be, behind links.
fn real(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().or_else(|| {
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        Some(folder.canonicalize().ok()?.join(path.file_name()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_no_input_by_whatever_name() {
        let folder = tempfile::tempdir().unwrap();
        let (input, link) = (folder.path().join("in.pcap"), folder.path().join("link"));
        std::fs::write(&input, "").unwrap();
        std::os::unix::fs::symlink(&input, &link).unwrap();
        let roundabout = folder.path().join("./../").join(folder.path().file_name().unwrap()).join("in.pcap");
        for output in [&input, &link, &roundabout] {
            let refused = refuse_inputs([&**output], [&*input]).unwrap_err().to_string();
            assert!(refused.ends_with("in.pcap, which is read"), "{refused}");
        }
        let other = folder.path().join("out.pcap");
        refuse_inputs([&*other], [&*input, folder.path(), Path::new("-")]).unwrap();
        let refused = refuse_within(&other, [folder.path()]).unwrap_err().to_string();
        assert!(refused.contains("every file of which is read"), "{refused}");
        refuse_within(&other, [&*input, &*folder.path().join("gone")]).unwrap();
    }
}
