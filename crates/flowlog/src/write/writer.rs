//! Records into files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use vpcemu_model::LogFileFormat;

use super::draft::Draft;
use super::layout::{Layout, SLOT};
use crate::record::Record;
use crate::{Error, Format};

/// Bytes of text in a file, before compression, after which there is another file of the slot (9.16).
const LARGEST: u64 = 75_000_000;

/// Files that are open at a time. A window of 600 s has records of three slots; more are open only where times jump.
const OPEN: usize = 8;

/// Writes the records of one flow log into files as a bucket has them, whatever the destination of the flow log is.
///
/// A file is for five minutes: those in which its records end (9.19). A record may come at any time; where its file is closed
/// already, it begins another one of the same five minutes.
///
/// ```
/// use vpcemu_flowlog::{Format, Layout, Options, Reader, Record, Writer};
/// use vpcemu_model::LogFileFormat;
///
/// let folder = tempfile::tempdir()?;
/// let layout = Layout {
///     account: "123456789012".into(),
///     region: "us-east-1".into(),
///     flow_log: "fl-1".into(),
///     hive_compatible: false,
///     per_hour: false,
///     file_format: LogFileFormat::PlainText,
/// };
/// let record = Record { version: Some(2), end: Some(1_529_511_630), ..Record::default() };
/// let mut writer = Writer::new(folder.path(), Format::default(), layout)?;
/// writer.push(&record)?;
/// assert_eq!(writer.finish()?.files, 1);
/// let read = Reader::open([folder.path()], Options::default()).next().expect("a record")?;
/// assert_eq!(read.record, record);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Writer {
    directory: PathBuf,
    format: Format,
    layout: Layout,
    /// Bytes of text in a file.
    largest: u64,
    /// By the time at which its slot begins.
    open: BTreeMap<u64, Slot>,
    /// How many files a slot has.
    parts: BTreeMap<u64, u32>,
    /// Files of the same slots that are there, and were not written.
    others: BTreeSet<PathBuf>,
    written: Written,
    line: Vec<u8>,
}

/// What was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// Files.
    pub files: u64,
    /// Records.
    pub records: u64,
    /// Files that were there before, with other records of the same minutes and flow log.
    pub others: u64,
}

/// A file that is being written.
struct Slot {
    /// Where it is going to be, but for its name.
    folder: PathBuf,
    /// One of those of its minutes.
    part: u32,
    /// As errors name it.
    path: PathBuf,
    body: Body,
}

enum Body {
    Text {
        output: Box<GzEncoder<BufWriter<Draft>>>,
        /// Bytes of text so far.
        length: u64,
    },
    #[cfg(feature = "parquet")]
    Rows(Box<crate::parquet::Sheet<BufWriter<Draft>>>),
}

impl Writer {
    /// Writes below a directory, which is made with the first file.
    ///
    /// # Errors
    /// If the files are to be Parquet, and this was built without.
    pub fn new(directory: impl Into<PathBuf>, format: Format, layout: Layout) -> Result<Self, Error> {
        let directory = directory.into();
        if layout.file_format == LogFileFormat::Parquet && !cfg!(feature = "parquet") {
            let cause = format!(
                "{} is to be Parquet, and this program was built without the feature `parquet`",
                layout.flow_log
            );
            return Err(Error::Write { file: directory.display().to_string(), cause });
        }
        Ok(Self {
            directory,
            format,
            layout,
            largest: LARGEST,
            open: BTreeMap::new(),
            parts: BTreeMap::new(),
            others: BTreeSet::new(),
            written: Written::default(),
            line: Vec::new(),
        })
    }

    /// Writes a record.
    ///
    /// # Errors
    /// If it has no end, or the file cannot be written.
    pub fn push(&mut self, record: &Record) -> Result<(), Error> {
        let Some(end) = record.end else {
            let interface = record.interface_id.as_deref().unwrap_or("-").to_owned();
            return Err(Error::NoEnd { interface });
        };
        let begins = end / SLOT * SLOT;
        self.line.clear();
        if self.layout.file_format == LogFileFormat::PlainText {
            self.format.write_line(record, &mut self.line);
            let is_full =
                |slot: &Slot| slot.length().is_some_and(|length| length + self.line.len() as u64 > self.largest);
            if self.open.get(&begins).is_some_and(is_full) {
                self.close(begins)?;
            }
        }
        if !self.open.contains_key(&begins) {
            self.begin(begins)?;
        }
        if let Some(slot) = self.open.get_mut(&begins) {
            slot.push(record, &self.line)?;
            self.written.records += 1;
        }
        Ok(())
    }

    /// Closes the files of records that end before a time, in seconds since the epoch: there are no more of them.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn close_before(&mut self, time: u64) -> Result<(), Error> {
        while let Some((begins, _)) = self.open.first_key_value()
            && begins + SLOT <= time
        {
            let begins = *begins;
            self.close(begins)?;
        }
        Ok(())
    }

    /// Closes all files. Without it they are not complete.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn finish(mut self) -> Result<Written, Error> {
        self.close_before(u64::MAX)?;
        Ok(Written { others: self.others.len() as u64, ..self.written })
    }

    fn begin(&mut self, begins: u64) -> Result<(), Error> {
        if self.open.len() == OPEN
            && let Some((oldest, _)) = self.open.first_key_value()
        {
            let oldest = *oldest;
            self.close(oldest)?;
        }
        let parts = self.parts.entry(begins).or_default();
        let part = *parts;
        *parts += 1;
        let folder = self.directory.join(self.layout.folder(begins));
        let stem = self.layout.stem(begins);
        let path = folder.join(format!(".{stem}_{part}"));
        let failed = |error: io::Error| failed(&path, &error);
        fs::create_dir_all(&folder).map_err(failed)?;
        if part == 0 {
            self.others.extend(of_stem(&folder, &stem).map_err(failed)?);
        }
        let output = BufWriter::new(Draft::create(path.clone()).map_err(failed)?);
        let body = match self.layout.file_format {
            LogFileFormat::PlainText => {
                let header = format!("{}\n", self.format.header());
                // Of the header of gzip, neither time nor name is written: the same records make the same file.
                // The fastest: the default costs 2.6 times as long for files that are a third smaller.
                let mut output = GzEncoder::new(output, Compression::fast());
                output.write_all(header.as_bytes()).map_err(failed)?;
                Body::Text { output: Box::new(output), length: header.len() as u64 }
            }
            #[cfg(feature = "parquet")]
            LogFileFormat::Parquet => {
                let sheet = crate::parquet::Sheet::new(output, &self.format);
                Body::Rows(Box::new(sheet.map_err(|error| parquet_failed(&path, &error))?))
            }
            #[cfg(not(feature = "parquet"))]
            LogFileFormat::Parquet => {
                return Err(failed(io::Error::other("this program was built without the feature `parquet`")));
            }
        };
        self.written.files += 1;
        self.open.insert(begins, Slot { folder, part, path, body });
        Ok(())
    }

    fn close(&mut self, begins: u64) -> Result<(), Error> {
        let Some(slot) = self.open.remove(&begins) else { return Ok(()) };
        let (folder, part, path) = (slot.folder.clone(), slot.part, slot.path.clone());
        let draft = slot.finish()?;
        // Odd, so that no two parts of a slot have the same name, even with the same in them.
        let hash = draft.hash().wrapping_add(part.wrapping_mul(0x9e37_79b1));
        let published = folder.join(self.layout.name(begins, hash));
        draft.publish(&published).map_err(|error| failed(&path, &error))?;
        self.others.remove(&published);
        Ok(())
    }
}

/// Files of one flow log and the same minutes.
fn of_stem(folder: &Path, stem: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(stem) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

impl Slot {
    /// Bytes of text so far.
    fn length(&self) -> Option<u64> {
        match &self.body {
            Body::Text { length, .. } => Some(*length),
            #[cfg(feature = "parquet")]
            Body::Rows(_) => None,
        }
    }

    #[cfg_attr(not(feature = "parquet"), expect(unused_variables, reason = "a line says it all"))]
    fn push(&mut self, record: &Record, line: &[u8]) -> Result<(), Error> {
        match &mut self.body {
            Body::Text { output, length } => {
                *length += line.len() as u64;
                output.write_all(line).map_err(|error| failed(&self.path, &error))
            }
            #[cfg(feature = "parquet")]
            Body::Rows(sheet) => sheet.push(record).map_err(|error| parquet_failed(&self.path, &error)),
        }
    }

    fn finish(self) -> Result<Draft, Error> {
        let output = match self.body {
            Body::Text { output, .. } => output.finish().map_err(|error| failed(&self.path, &error))?,
            #[cfg(feature = "parquet")]
            Body::Rows(sheet) => sheet.finish().map_err(|error| parquet_failed(&self.path, &error))?,
        };
        // A buffer that is only dropped keeps its errors to itself.
        output.into_inner().map_err(|error| failed(&self.path, error.error()))
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::Write { file: path.display().to_string(), cause: error.to_string() }
}

#[cfg(feature = "parquet")]
fn parquet_failed(path: &Path, error: &parquet::errors::ParquetError) -> Error {
    Error::Write { file: path.display().to_string(), cause: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Field, Options, Reader};

    fn writer(directory: &Path) -> Writer {
        let layout = Layout {
            account: "111122223333".into(),
            region: "eu-west-1".into(),
            flow_log: "fl-a".into(),
            hive_compatible: false,
            per_hour: false,
            file_format: LogFileFormat::PlainText,
        };
        Writer::new(directory, Format::new([Field::End, Field::Packets]).unwrap(), layout).unwrap()
    }

    fn record(end: u64, packets: u64) -> Record {
        Record { end: Some(end), packets: Some(packets), ..Record::default() }
    }

    /// What each file has, in the order of their names.
    fn files(directory: &Path) -> Vec<(String, Vec<u64>)> {
        let mut files: Vec<(String, Vec<u64>)> = Vec::new();
        for entry in Reader::open([directory], Options::default()) {
            let entry = entry.unwrap();
            if files.last().is_none_or(|(of, _)| *of != entry.file.to_string()) {
                files.push((entry.file.to_string(), Vec::new()));
            }
            files.last_mut().unwrap().1.push(entry.record.packets.unwrap());
        }
        files.iter().map(|(name, packets)| (name.rsplit('_').nth(1).unwrap().to_owned(), packets.clone())).collect()
    }

    #[test]
    fn records_are_in_the_file_of_the_minutes_in_which_they_end() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(directory.path());
        for (end, packets) in [(300, 1), (599, 2), (600, 3), (299, 4), (901, 5), (600, 6)] {
            writer.push(&record(end, packets)).unwrap();
        }
        assert_eq!(writer.finish().unwrap(), Written { files: 4, records: 6, others: 0 });
        let expected = [("0000", vec![4]), ("0005", vec![1, 2]), ("0010", vec![3, 6]), ("0015", vec![5])];
        assert_eq!(files(directory.path()), expected.map(|(time, packets)| (format!("19700101T{time}Z"), packets)));
    }

    #[test]
    fn late_and_many_records_make_more_files_of_the_same_minutes() {
        let directory = tempfile::tempdir().unwrap();
        let mut late = writer(directory.path());
        late.push(&record(10, 1)).unwrap();
        late.close_before(300).unwrap();
        late.push(&record(20, 2)).unwrap();
        assert_eq!(late.finish().unwrap().files, 2);

        let directory = tempfile::tempdir().unwrap();
        let mut full = writer(directory.path());
        // The header has 12 bytes and each line 4.
        full.largest = 21;
        (1..=5).for_each(|packets| full.push(&record(9, packets)).unwrap());
        assert_eq!(full.finish().unwrap(), Written { files: 3, records: 5, others: 0 });
        let mut sizes: Vec<_> = files(directory.path()).iter().map(|(_, packets)| packets.len()).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [1, 2, 2]);
    }

    #[test]
    fn files_of_another_run_are_left_and_counted() {
        let directory = tempfile::tempdir().unwrap();
        let run = |records: &[(u64, u64)]| {
            let mut writer = writer(directory.path());
            records.iter().for_each(|(end, packets)| writer.push(&record(*end, *packets)).unwrap());
            writer.finish().unwrap()
        };
        assert_eq!(run(&[(10, 1), (310, 2)]), Written { files: 2, records: 2, others: 0 });
        // The same again is the same files.
        assert_eq!(run(&[(10, 1), (310, 2)]), Written { files: 2, records: 2, others: 0 });
        assert_eq!(files(directory.path()).len(), 2);
        assert_eq!(run(&[(10, 3), (610, 4)]), Written { files: 2, records: 2, others: 1 });
        let mut all: Vec<_> = files(directory.path()).into_iter().flat_map(|(_, packets)| packets).collect();
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3, 4]);
        let hidden = fs::read_dir(directory.path().join("AWSLogs/111122223333/vpcflowlogs/eu-west-1/1970/01/01"));
        let hidden =
            hidden.unwrap().filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
        assert_eq!(hidden.count(), 0, "no draft is left");
    }

    #[test]
    fn times_that_jump_do_not_open_all_files_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(directory.path());
        for round in 0..2 {
            for slot in 0..20 {
                writer.push(&record(slot * SLOT, round)).unwrap();
                assert!(writer.open.len() <= OPEN);
            }
        }
        // The oldest is closed for each that is opened; of the second round the last seven are open still.
        assert_eq!(writer.finish().unwrap(), Written { files: 33, records: 40, others: 0 });
    }

    #[test]
    fn what_cannot_be_written_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let interface_id = Some("eni-1".into());
        let error = writer(directory.path()).push(&Record { interface_id, ..Record::default() }).unwrap_err();
        assert_eq!(error.to_string(), "writing a flow log: a record without an end, of interface eni-1");
        fs::write(directory.path().join("AWSLogs"), "").unwrap();
        let error = writer(directory.path()).push(&record(1, 1)).unwrap_err();
        assert!(error.to_string().contains("_fl-a_19700101T0000Z_"), "{error}");
    }
}
