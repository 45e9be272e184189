//! Files that are written: none takes the place of what is read, and what cannot be written is told before the work is done.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Refuses outputs that are inputs too, or each other, before anything is touched.
pub(crate) fn refuse_inputs<'a>(
    outputs: impl IntoIterator<Item = &'a Path>,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), Error> {
    let inputs: Vec<_> = inputs.into_iter().filter_map(|input| Some((input, input.canonicalize().ok()?))).collect();
    let mut named: Vec<(&Path, PathBuf)> = Vec::new();
    for output in outputs {
        let Some(real) = real(output) else { continue };
        if let Some((other, _)) = named.iter().find(|(_, other)| *other == real) {
            let (output, other) = (output.display(), other.display());
            return Err(Error::Usage(format!("{output}: would be written over {other}, which is written too")));
        }
        if let Some((input, _)) = inputs.iter().find(|(_, input)| input.is_file() && *input == real) {
            let (output, input) = (output.display(), input.display());
            return Err(Error::Usage(format!("{output}: would be written over {input}, which is read")));
        }
        if !is_device(&real) {
            named.push((output, real));
        }
    }
    Ok(())
}

/// A file that is written at the end. One that stays empty, because the run failed, is taken away again.
pub(crate) struct Output {
    path: PathBuf,
    file: File,
}

impl Output {
    /// Opens the file: a long run should not end with the news that it cannot be written. What is there already stays until then.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::options().write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|source| Error::Write { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Writes all of it.
    pub(crate) fn write(mut self, text: &str) -> Result<(), Error> {
        self.replace(text).map_err(|source| Error::Write { path: self.path.clone(), source })
    }

    fn replace(&mut self, text: &str) -> std::io::Result<()> {
        if self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        self.file.write_all(text.as_bytes())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.file.metadata().is_ok_and(|file| file.is_file() && file.len() == 0) {
            // There is another error to tell of.
            let _ = std::fs::remove_file(&self.path);
        }
    }
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

/// What is neither a file nor a folder takes whatever is written to it.
fn is_device(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| !about.is_file() && !about.is_dir())
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
        let refused = refuse_inputs([&*other, &*folder.path().join("./out.pcap")], []).unwrap_err().to_string();
        assert!(refused.ends_with("out.pcap, which is written too"), "{refused}");
        refuse_inputs([Path::new("/dev/null"); 2], []).unwrap();
        refuse_inputs([&*other], [&*input, folder.path(), Path::new("-")]).unwrap();
        let refused = refuse_within(&other, [folder.path()]).unwrap_err().to_string();
        assert!(refused.contains("every file of which is read"), "{refused}");
        refuse_within(&other, [&*input, &*folder.path().join("gone")]).unwrap();
    }
}
