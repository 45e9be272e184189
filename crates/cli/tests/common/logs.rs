//! What is in the files of flow logs.

use std::path::{Path, PathBuf};

/// The lines of all files below a directory, without those of names, sorted.
pub(crate) fn lines(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for path in paths(directory) {
        let mut text = String::new();
        let file = std::fs::File::open(&path).unwrap();
        std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(file), &mut text).unwrap();
        found.extend(text.lines().skip(1).map(str::to_owned));
    }
    found.sort();
    found
}

/// Date and minutes of the files below a directory, sorted: `2024/10/03 20241003T2355Z`.
pub(crate) fn files(directory: &Path) -> Vec<String> {
    let named = |path: PathBuf| {
        let folder = path.parent().unwrap().to_str().unwrap();
        let date = folder.rsplitn(4, '/').take(3).collect::<Vec<_>>();
        let minutes = path.file_name().unwrap().to_str().unwrap().rsplit('_').nth(1).unwrap();
        format!("{}/{}/{} {minutes}", date[2], date[1], date[0])
    };
    let mut found: Vec<_> = paths(directory).into_iter().map(named).collect();
    found.sort();
    found
}

fn paths(directory: &Path) -> Vec<PathBuf> {
    let (mut found, mut rest) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(path) = rest.pop() {
        if path.is_dir() {
            rest.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
        } else {
            found.push(path);
        }
    }
    found
}
