use crate::{Error, LinkType, Reader, Record};

/// Errors of one capture that are kept. More damaged packets in one file tell nothing new; they are counted.
const MAX_ERRORS: usize = 16;

/// Several captures as one, in order of time. Equal times go by position in the list, then by record.
///
/// Within one capture the file's own order is kept: where its time stamps go backwards, it is the record at its head that
/// is compared. A damaged capture gives what is not damaged of it, the others go on.
#[derive(Debug)]
pub struct Merge {
    sources: Vec<Source>,
    errors: Vec<Error>,
    /// Where the last record came from: its reader has to advance, but not before the record was used.
    last: Option<usize>,
}

#[derive(Debug)]
struct Source {
    reader: Reader,
    damaged: usize,
}

impl Merge {
    /// Merges captures; reads the first record of each.
    pub fn new(readers: Vec<Reader>) -> Self {
        let sources = readers.into_iter().map(|reader| Source { reader, damaged: 0 }).collect();
        let mut merge = Self { sources, errors: Vec::new(), last: None };
        for index in 0..merge.sources.len() {
            merge.advance(index);
        }
        merge
    }

    /// The next record, and the position in the list of the capture that it is of.
    #[expect(clippy::should_implement_trait, reason = "it lends from a buffer, which an iterator cannot")]
    #[inline]
    pub fn next(&mut self) -> Option<(usize, Record<'_>)> {
        if let Some(last) = self.last.take() {
            self.advance(last);
        }
        // There are as many captures as somebody typed, mostly one: a scan beats a heap.
        let index = match &self.sources[..] {
            [_] => 0,
            sources => {
                let heads = sources.iter().enumerate();
                heads.filter_map(|(index, source)| Some((source.reader.current_time()?, index))).min()?.1
            }
        };
        self.last = Some(index);
        Some((index, self.sources[index].reader.current()?))
    }

    /// The link type of the next record of each capture that has one.
    pub fn head_link_types(&self) -> impl Iterator<Item = LinkType> + '_ {
        self.heads().map(|(_, record)| record.link_type)
    }

    /// The damage met so far, in the order in which it was met.
    pub fn errors(&self) -> &[Error] {
        &self.errors
    }

    /// Takes the damage met so far.
    pub fn take_errors(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.errors)
    }

    /// What was odd and tolerated so far, a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        for Source { reader, damaged } in &self.sources {
            let name = reader.name();
            sentences.extend(reader.warnings().iter().map(|warning| format!("{name}: {warning}")));
            if *damaged > MAX_ERRORS {
                let more = damaged - MAX_ERRORS;
                sentences.push(format!("{name}: {more} more damaged packets than the {MAX_ERRORS} that are reported"));
            }
        }
        sentences
    }

    fn heads(&self) -> impl Iterator<Item = (usize, Record<'_>)> {
        self.sources.iter().enumerate().filter_map(|(index, source)| Some((index, source.reader.current()?)))
    }

    #[inline]
    fn advance(&mut self, index: usize) {
        while let Err(error) = self.sources[index].reader.advance() {
            self.note(index, error);
        }
    }

    #[cold]
    fn note(&mut self, index: usize, error: Error) {
        let Source { reader, damaged } = &mut self.sources[index];
        *damaged += 1;
        // What ends a capture is always told.
        if *damaged <= MAX_ERRORS || reader.is_ended() {
            self.errors.push(error);
        }
    }
}
