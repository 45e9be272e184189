//! Logs that people have: files, folders, exports, one record after the other in bounded memory.

mod csv;
mod input;
mod json;
mod lines;
mod messages;
mod row;
mod tree;

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Place};
use crate::flaw::{FlawKind, Report};
use crate::record::{LogStatus, Record};
use crate::{Fields, Format};

use input::Kind;
use messages::{Holder, Messages};
use tree::Tree;

/// How logs are read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// The format of files without a header line. Without it they have to be of the default one.
    pub format: Option<Format>,
    /// Whether damaged records are counted and passed over, and a damaged file is followed by the next one. Otherwise the first
    /// damage is the last that is read.
    pub lenient: bool,
    /// Whether records of windows without data, NODATA and SKIPDATA, are given too. They are counted in any case.
    pub silent_windows: bool,
}

/// A record, and where it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What it says.
    pub record: Record,
    /// The fields that its format has: a column that is `-` says more than none.
    pub fields: Fields,
    /// The file, as the user named it or as it is called in a folder.
    pub file: Arc<str>,
    /// Where in it.
    pub place: Place,
}

/// Reads logs, one after the other, each to its end or its damage.
///
/// ```
/// use vpcemu_flowlog::{FlawKind, Options, Reader};
///
/// let log = "version srcaddr dstport action log-status
/// 2 10.0.0.5 443 ACCEPT OK
/// 2 10.0.0.6 http ACCEPT OK
/// 2 - - - NODATA
/// ";
/// let mut reader = Reader::from_read("vpc.log", log.as_bytes(), Options { lenient: true, ..Options::default() });
/// let first = reader.next().expect("a record")?;
/// assert_eq!((first.record.dstport, first.place.to_string()), (Some(443), "line 2".to_owned()));
/// assert!(reader.next().is_none());
/// assert_eq!(reader.report().skipped(FlawKind::NoData), 1);
/// let (_, _, sentence) = reader.report().all_skipped().next().expect("a damaged one");
/// assert_eq!(sentence, "vpc.log: line 3, column 12: dstport is \"http\"; expected a number from 0 to 65535, or -");
/// # Ok::<(), vpcemu_flowlog::Error>(())
/// ```
pub struct Reader {
    sources: std::vec::IntoIter<Source>,
    tree: Option<Tree>,
    current: Option<Current>,
    judge: Judge,
    options: Options,
    ended: bool,
}

/// What is still to be opened.
enum Source {
    /// A file, a folder, or `-` for standard input.
    Path(PathBuf),
    Read(String, Box<dyn Read + Send>),
    Memory(String, Vec<u8>),
}

enum Current {
    Text(Box<Messages>),
    #[cfg(feature = "parquet")]
    Rows(Box<crate::parquet::Rows>),
}

impl Reader {
    /// Reads files and folders in this order; `-` is standard input. Folders are walked in the order of names.
    pub fn open(paths: impl IntoIterator<Item = impl AsRef<Path>>, options: Options) -> Self {
        let paths = paths.into_iter().map(|path| Source::Path(path.as_ref().to_owned()));
        Self::new(paths.collect(), options)
    }

    /// Reads something that is no file, which cannot be Parquet.
    pub fn from_read(name: &str, source: impl Read + Send + 'static, options: Options) -> Self {
        Self::new(vec![Source::Read(name.to_owned(), Box::new(source))], options)
    }

    /// Reads a log that is in memory, of any kind.
    pub fn from_bytes(name: &str, bytes: Vec<u8>, options: Options) -> Self {
        Self::new(vec![Source::Memory(name.to_owned(), bytes)], options)
    }

    fn new(sources: Vec<Source>, options: Options) -> Self {
        let judge = Judge { lenient: options.lenient, silent: options.silent_windows, report: Report::default() };
        Self { sources: sources.into_iter(), tree: None, current: None, judge, options, ended: false }
    }

    /// What has been read so far.
    pub fn report(&self) -> &Report {
        &self.judge.report
    }

    /// Opens what comes next; false after the last one.
    fn open_next(&mut self) -> Result<bool, Error> {
        if let Some(next) = self.tree.as_mut().and_then(Iterator::next) {
            let path = next.map_err(|(path, source)| Error::Open { file: path.display().to_string(), source })?;
            self.current = Some(self.opened_file(&path)?);
            return Ok(true);
        }
        self.tree = None;
        let Some(source) = self.sources.next() else { return Ok(false) };
        match source {
            Source::Read(name, source) => self.current = Some(self.opened(name.into(), source)?),
            Source::Memory(name, bytes) => self.current = Some(self.opened_memory(name.into(), bytes)?),
            Source::Path(path) if path.as_os_str() == "-" => {
                self.current = Some(self.opened("standard input".into(), Box::new(io::stdin()))?);
            }
            Source::Path(path) if path.is_dir() => {
                let open = |source| Error::Open { file: path.display().to_string(), source };
                let mut tree = Tree::new(&path).map_err(open)?;
                let first = tree.next().ok_or_else(|| Error::NoFile { file: path.display().to_string() })?;
                self.tree = Some(tree);
                let path = first.map_err(|(path, source)| Error::Open { file: path.display().to_string(), source })?;
                self.current = Some(self.opened_file(&path)?);
            }
            Source::Path(path) => self.current = Some(self.opened_file(&path)?),
        }
        Ok(true)
    }

    fn opened_file(&self, path: &Path) -> Result<Current, Error> {
        let name: Arc<str> = path.display().to_string().into();
        let open = |source| Error::Open { file: name.to_string(), source };
        let file = File::open(path).map_err(open)?;
        #[cfg(feature = "parquet")]
        if crate::parquet::is_parquet(&file) {
            let rows = crate::parquet::Rows::open_file(name, file, self.options.format.as_ref())?;
            return Ok(Current::Rows(Box::new(rows)));
        }
        self.opened(name, Box::new(file))
    }

    fn opened_memory(&self, name: Arc<str>, bytes: Vec<u8>) -> Result<Current, Error> {
        #[cfg(feature = "parquet")]
        if bytes.starts_with(b"PAR1") {
            let rows = crate::parquet::Rows::open_bytes(name, bytes.into(), self.options.format.as_ref())?;
            return Ok(Current::Rows(Box::new(rows)));
        }
        self.opened(name, Box::new(Cursor::new(bytes)))
    }

    fn opened(&self, name: Arc<str>, source: Box<dyn Read + Send>) -> Result<Current, Error> {
        let (kind, input) = input::open(source);
        let holder = match kind {
            Kind::Lines => Holder::Lines(lines::Lines::new(input)),
            Kind::Json => Holder::Json(json::Json::new(input)),
            Kind::Csv => Holder::Csv(csv::Csv::new(input)),
            Kind::Parquet => {
                let cause = match cfg!(feature = "parquet") {
                    true => "its index is at its end, so that it has to be a file: neither compressed nor a pipe",
                    false => "this program was built without the feature `parquet`",
                };
                return Err(Error::Parquet { file: name.to_string(), cause: cause.to_owned() });
            }
        };
        Ok(Current::Text(Box::new(Messages::new(name, holder, self.options.format.clone()))))
    }
}

impl Iterator for Reader {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let next = match &mut self.current {
                Some(Current::Text(messages)) => messages.next(&mut self.judge),
                #[cfg(feature = "parquet")]
                Some(Current::Rows(rows)) => rows.next(&mut self.judge),
                None => match self.open_next() {
                    Ok(true) => continue,
                    Ok(false) => break,
                    Err(error) => Some(Err(error)),
                },
            };
            match next {
                Some(Ok(entry)) => return Some(Ok(entry)),
                Some(Err(error)) => {
                    // Of a lenient reader every error is the end of one file.
                    self.current = None;
                    self.ended = !self.options.lenient;
                    return Some(Err(error));
                }
                None => self.current = None,
            }
        }
        self.ended = true;
        None
    }
}

/// What becomes of flaws, and the counts.
pub(crate) struct Judge {
    lenient: bool,
    silent: bool,
    report: Report,
}

impl Judge {
    /// What becomes of a record that is whole: those of windows without data are counted, and given if they are wanted.
    pub(crate) fn take(&mut self, record: Record, fields: Fields, file: &Arc<str>, place: Place) -> Option<Entry> {
        let silent = match record.log_status {
            Some(LogStatus::NoData) => Some(FlawKind::NoData),
            Some(LogStatus::SkipData) => Some(FlawKind::SkipData),
            _ => None,
        };
        if let Some(kind) = silent {
            self.report.skip(kind, || format!("{file}: {place}: log-status is {kind}"));
            if !self.silent {
                return None;
            }
        }
        self.report.give();
        Some(Entry { record, fields, file: file.clone(), place })
    }

    /// An error, or nothing where the flaw is counted and passed over.
    pub(crate) fn flaw(&mut self, kind: FlawKind, error: impl FnOnce() -> Error) -> Option<Error> {
        if self.lenient {
            self.report.skip(kind, || error().to_string());
            return None;
        }
        Some(error())
    }
}
