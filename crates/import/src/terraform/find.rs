//! Which file of a path is Terraform's.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::terraform::error::TerraformError;
use crate::terraform::recognise::{Recognised, recognise};
use crate::{Error, files};

/// A file of Terraform's, read.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) what: Recognised,
}

/// The file that a path means: itself, or the only one of a directory. None if nothing there is Terraform's.
pub(crate) fn find(path: &Path) -> Result<Option<Found>, Error> {
    let read = |path: &Path| std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source });
    if !path.is_dir() {
        let bytes = read(path)?;
        return Ok(recognise(&bytes).map(|what| Found { path: path.to_owned(), bytes, what }));
    }
    let mut found: Vec<Found> = Vec::new();
    let mut dump = None;
    let mut source = None;
    for file in files::files_with(path, &["json", "tfstate", "tf", "tofu"])? {
        if file.extension().and_then(OsStr::to_str).is_some_and(|it| it == "tf" || it == "tofu") {
            source.get_or_insert(file);
            continue;
        }
        let bytes = read(&file)?;
        match recognise(&bytes) {
            Some(what @ (Recognised::Document | Recognised::Events)) => found.push(Found { path: file, bytes, what }),
            Some(Recognised::JsonSource) => _ = source.get_or_insert(file),
            Some(_) => {}
            None if dump.is_none() && files::is_dump(&file) => dump = Some(file),
            None => {}
        }
    }
    let shown = path.display().to_string();
    let refused = |what: String, next: &str| {
        Error::from(TerraformError::Refused { file: shown.clone(), what, next: next.to_owned() })
    };
    match (&found[..], dump, source) {
        ([], None, Some(source)) => {
            let (_, next) = Recognised::Source.refusal().unwrap_or_default();
            Err(refused(
                format!(
                    "no plan or state in it, only Terraform source ({}), which is not evaluated here",
                    source.display()
                ),
                next,
            ))
        }
        ([], ..) => Ok(None),
        ([one, ..], Some(dump), _) => Err(refused(
            format!("{} is Terraform's and {} is a describe-* dump", one.path.display(), dump.display()),
            "a network is read from one or the other: name the file, or move one of them away",
        )),
        ([_], ..) => Ok(found.pop()),
        (several, ..) => {
            let names: Vec<_> = several.iter().map(|it| it.path.display().to_string()).collect();
            Err(refused(format!("several plans or states in it: {}", names.join(", ")), "name the one to read"))
        }
    }
}
