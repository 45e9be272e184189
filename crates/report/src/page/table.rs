//! Tables that scroll in a box of their own.

use std::fmt::Write;

use super::text::escaped;

/// A table with a head. Cells are HTML.
#[derive(Debug)]
pub(crate) struct Table {
    caption: String,
    /// Whether each column has numbers.
    numeric: Vec<bool>,
    head: String,
    body: String,
}

impl Table {
    /// A table that is about `caption`, which only those hear that do not see it.
    pub(crate) fn new(caption: &str) -> Self {
        Self { caption: caption.to_owned(), numeric: Vec::new(), head: String::new(), body: String::new() }
    }

    /// A column of text.
    pub(crate) fn text(&mut self, head: &str) -> &mut Self {
        self.column(head, false)
    }

    /// A column of numbers.
    pub(crate) fn number(&mut self, head: &str) -> &mut Self {
        self.column(head, true)
    }

    /// A row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.row_at("", cells);
    }

    /// A row that links can lead to.
    pub(crate) fn row_at<const N: usize>(&mut self, id: &str, cells: [String; N]) {
        // Writing to a string cannot fail, here and below.
        let _ = match id {
            "" => write!(self.body, "<tr>"),
            id => write!(self.body, "<tr id=\"{id}\">"),
        };
        for (at, cell) in cells.iter().enumerate() {
            let class = if self.numeric.get(at).copied().unwrap_or_default() { " class=\"n\"" } else { "" };
            let _ = match at {
                0 => write!(self.body, "<th scope=\"row\"{class}>{cell}</th>"),
                _ => write!(self.body, "<td{class}>{cell}</td>"),
            };
        }
        self.body.push_str("</tr>\n");
    }

    /// The HTML.
    pub(crate) fn finish(self) -> String {
        let Self { caption, head, body, .. } = self;
        let caption = escaped(&caption);
        format!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table>\n<caption>{caption}</caption>\n\
             <thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n"
        )
    }

    fn column(&mut self, head: &str, numeric: bool) -> &mut Self {
        self.numeric.push(numeric);
        let class = if numeric { " class=\"n\"" } else { "" };
        let _ = write!(self.head, "<th scope=\"col\"{class}>{}</th>", escaped(head));
        self
    }
}
