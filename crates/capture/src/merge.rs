use crate::{Error, LinkType, Reader, Record};

/// Several captures as one, in order of time. Equal times go by position in the list, then by record.
///
/// Within one capture the file's own order is kept: where its time stamps go backwards, it is the record at its head that
/// is compared. A damaged capture gives what is before the damage, the others go on.
#[derive(Debug)]
pub struct Merge {
    sources: Vec<Source>,
    errors: Vec<Error>,
    last: Option<usize>,
}

#[derive(Debug)]
struct Source {
    reader: Reader,
    /// The record at the head: copied, since readers lend only their last one.
    head: Option<Head>,
    data: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    number: u64,
    timestamp_ns: u64,
    link_type: LinkType,
    interface: u32,
    original_len: u32,
    direction: Option<crate::Direction>,
}

impl Merge {
    /// Merges captures; reads the first record of each.
    pub fn new(readers: Vec<Reader>) -> Self {
        let sources = readers.into_iter().map(|reader| Source { reader, head: None, data: Vec::new() }).collect();
        let mut merge = Self { sources, errors: Vec::new(), last: None };
        for index in 0..merge.sources.len() {
            merge.advance(index);
        }
        merge
    }

    /// The next record, and which capture it is of.
    #[expect(clippy::should_implement_trait, reason = "it lends from a buffer, which an iterator cannot")]
    pub fn next(&mut self) -> Option<(usize, Record<'_>)> {
        if let Some(last) = self.last.take() {
            self.advance(last);
        }
        let heads = self.sources.iter().enumerate();
        let times = heads.filter_map(|(index, source)| Some((source.head?.timestamp_ns, index)));
        let (_, index) = times.min()?;
        self.last = Some(index);
        let source = &self.sources[index];
        let Head { number, timestamp_ns, link_type, interface, original_len, direction } = source.head?;
        let data = &source.data;
        Some((index, Record { number, timestamp_ns, link_type, interface, original_len, data, direction }))
    }

    /// The link type of the next record of each capture that has one.
    pub fn head_link_types(&self) -> impl Iterator<Item = LinkType> + '_ {
        self.sources.iter().filter_map(|source| source.head.map(|head| head.link_type))
    }

    /// The damage met so far.
    pub fn take_errors(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.errors)
    }

    /// What was odd and tolerated, a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let of = |source: &Source| {
            let name = source.reader.name().to_owned();
            let warnings: Vec<_> = source.reader.warnings().collect();
            warnings.into_iter().map(move |(warning, count)| format!("{name}: {warning}, {count} times; tolerated"))
        };
        self.sources.iter().flat_map(of).collect()
    }

    fn advance(&mut self, index: usize) {
        let source = &mut self.sources[index];
        source.head = match source.reader.next() {
            Ok(Some(record)) => {
                source.data.clear();
                source.data.extend_from_slice(record.data);
                let Record { number, timestamp_ns, link_type, interface, original_len, direction, .. } = record;
                Some(Head { number, timestamp_ns, link_type, interface, original_len, direction })
            }
            Ok(None) => None,
            Err(error) => {
                self.errors.push(error);
                None
            }
        };
    }
}
