//! Which files to read, and whether a path looks like a dump at all.

use std::cell::Cell;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::dump::Key;
use crate::{Error, gather, text};

/// Whether a path is a directory with JSON files, or a JSON file with a key that a dump has. Nothing is reported: what
/// cannot be read is no dump.
pub fn is_dump(path: &Path) -> bool {
    if path.is_dir() {
        return json_files(path).is_ok_and(|files| !files.is_empty());
    }
    let Ok(bytes) = fs::read(path) else { return false };
    // Binary files and other formats end here without being parsed.
    let Ok(text) = text::decode("", &bytes) else { return false };
    if !text.trim_start().starts_with(['{', '[']) {
        return false;
    }
    let found = Cell::new(false);
    let mut documents = serde_json::Deserializer::from_str(&text);
    let probe = || Probe { found: &found, depth: gather::WRAPPERS };
    while !found.get() && probe().deserialize(&mut documents).is_ok() {}
    found.get()
}

/// Reads until the first key that a dump has, so that a damaged dump is still recognised as one.
struct Probe<'a> {
    found: &'a Cell<bool>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Probe<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Probe<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if Key::named(&key).is_some() {
                self.found.set(true);
                return Err(de::Error::custom("enough was read"));
            }
            self.inner(|probe| match probe {
                Some(probe) => map.next_value_seed(probe),
                None => map.next_value::<IgnoredAny>().map(drop),
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while self.inner(|probe| match probe {
            Some(probe) => list.next_element_seed(probe).map(|it| it.is_some()),
            None => list.next_element::<IgnoredAny>().map(|it| it.is_some()),
        })? {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

impl Probe<'_> {
    /// Runs `read` with the probe for what is one level further in, or with none where wrappers end.
    fn inner<T>(&self, read: impl FnOnce(Option<Self>) -> T) -> T {
        read(self.depth.checked_sub(1).map(|depth| Self { found: self.found, depth }))
    }
}

/// The file itself, or every `*.json` under the directory in a stable order; hidden directories are skipped.
pub(crate) fn json_files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    files_with(path, &["json"])
}

/// The same with other suffixes.
pub(crate) fn files_with(path: &Path, suffixes: &[&str]) -> Result<Vec<PathBuf>, Error> {
    let metadata = fs::metadata(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    search(path, suffixes, &mut HashSet::new(), &mut files)?;
    files.sort();
    Ok(files)
}

/// `visited` ends loops of symbolic links.
fn search(
    directory: &Path,
    suffixes: &[&str],
    visited: &mut HashSet<PathBuf>,
    files: &mut Vec<PathBuf>,
) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Read { path, source }
    };
    if !visited.insert(fs::canonicalize(directory).map_err(failed(directory))?) {
        return Ok(());
    }
    for entry in fs::read_dir(directory).map_err(failed(directory))? {
        let path = entry.map_err(failed(directory))?.path();
        if path.is_dir() {
            if !is_hidden(&path) {
                search(&path, suffixes, visited, files)?;
            }
            continue;
        }
        let suffix = path.extension().and_then(OsStr::to_str);
        if suffix.is_some_and(|suffix| suffixes.iter().any(|it| suffix.eq_ignore_ascii_case(it))) {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a name begins with a dot.
pub(crate) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_at_every_depth_in_order() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("b/c")).unwrap();
        fs::create_dir_all(folder.path().join(".git")).unwrap();
        for name in ["z.json", "a.JSON", "b/c/x.json", "b/readme.md", ".git/y.json"] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        let found = json_files(folder.path()).unwrap();
        let names: Vec<_> = found.iter().map(|path| path.strip_prefix(folder.path()).unwrap().to_owned()).collect();
        assert_eq!(names, ["a.JSON", "b/c/x.json", "z.json"].map(PathBuf::from));
    }

    #[test]
    fn only_dumps_are_dumps() {
        let folder = tempfile::tempdir().unwrap();
        let is = |content: &str| {
            let path = folder.path().join("x");
            fs::write(&path, content).unwrap();
            is_dump(&path)
        };
        assert!(is("\u{feff} {\"Vpcs\": []}"));
        assert!(is("{\"eu-west-1\": {\"Subnets\": []}}"));
        assert!(is("{\"NextToken\": null} {\"Reservations\": []}"));
        assert!(!is("{\"format_version\": \"1.0\", \"values\": {\"root_module\": {}}}"));
        assert!(!is("[vpc.main]\ncidrs = []"));
        assert!(!is("{\"a\": [1, true, null, 1.5, \"Vpcs\"]}"));
        assert!(is("{\"Vpcs\": [{"));
        assert!(!is_dump(folder.path()));
        assert!(!is_dump(&folder.path().join("none")));
        fs::write(folder.path().join("y.json"), "{}").unwrap();
        assert!(is_dump(folder.path()));
    }
}
