//! Pages of a column, looked at before they are decoded: the library takes for granted what a damaged file need not have.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};

/// Refuses values that point into a dictionary where there is none.
pub(super) struct Checked {
    pages: Box<dyn PageReader>,
    has_dictionary: bool,
}

impl Checked {
    pub(super) fn new(pages: Box<dyn PageReader>) -> Self {
        Self { pages, has_dictionary: false }
    }
}

impl Iterator for Checked {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Checked {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let Some(page) = self.pages.get_next_page()? else { return Ok(None) };
        let points = matches!(page.encoding(), Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY);
        if page.is_dictionary_page() {
            self.has_dictionary = true;
        } else if points && !self.has_dictionary {
            return Err(ParquetError::General("a page needs a dictionary, and there is none".to_owned()));
        }
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }
}

/// Does something with bytes of a file, of which no damage ends the program: the library does not promise that it never panics.
pub(super) fn guarded<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    // What was being read is never used again after an error.
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|cause| Err(ParquetError::General(said(&*cause))))
}

fn said(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
    format!("the file cannot be: {}", text.unwrap_or("its parts do not fit together"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let outcome = guarded(|| if cfg!(test) { panic!("of {}", "a decoder") } else { Ok(()) });
        assert_eq!(outcome.unwrap_err().to_string(), "Parquet error: the file cannot be: of a decoder");
        assert_eq!(guarded(|| Ok(7)).unwrap(), 7);
    }
}
