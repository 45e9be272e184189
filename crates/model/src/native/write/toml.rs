//! TOML as people write it: what is short is on one line, what is long has a line an item.

use std::fmt::Write;

/// Longer lines are broken: as wide as the lines of this repository.
const WIDTH: usize = 120;

/// A text in quotes.
pub(super) fn text(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            // Writing to a string cannot fail.
            c if c.is_control() => _ = write!(quoted, "\\U{:08x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A key: in quotes only where it has to be.
pub(super) fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { text(name) }
}

/// A comment: one line, whatever it says.
pub(super) fn comment(said: &str) -> String {
    let line: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("# {line}")
}

/// A list of texts.
pub(super) fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    list(items.into_iter().map(|item| text(&item.to_string())).collect())
}

/// A list of values, one a line if they are many.
pub(super) fn list(items: Vec<String>) -> String {
    let line = format!("[{}]", items.join(", "));
    if line.len() < WIDTH / 2 || (items.len() < 2 && line.len() < WIDTH) { line } else { broken(&items) }
}

/// A list of inline tables, one a line if there are two or more.
pub(super) fn rows(items: Vec<String>) -> String {
    match items.as_slice() {
        [] | [_] => format!("[{}]", items.concat()),
        several => broken(several),
    }
}

fn broken(items: &[String]) -> String {
    let lines: String = items.iter().map(|item| format!("  {item},\n")).collect();
    format!("[\n{lines}]")
}

/// An inline table; what has no value is left out.
pub(super) struct Row(Vec<String>);

impl Row {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn set(mut self, key: &str, value: impl Into<Option<String>>) -> Self {
        self.0.extend(value.into().map(|value| format!("{key} = {value}")));
        self
    }

    /// A flag that is off where it is not written.
    pub(super) fn flag(self, key: &str, on: bool) -> Self {
        self.set(key, on.then(|| "true".to_owned()))
    }

    pub(super) fn done(self) -> String {
        if self.0.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", self.0.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_read_back() {
        for any in [
            "",
            "plain",
            "with \"quotes\" and \\",
            "two\nlines\tand a tab",
            "\u{0}\u{7f}\u{85}",
            "é 日 😀",
            "'",
            "a.b[\"c\"]",
        ] {
            let table: toml::Table = format!("{} = {}", key(any), text(any)).parse().unwrap();
            let (name, value) = table.into_iter().next().unwrap();
            assert_eq!((name.as_str(), value.as_str()), (any, Some(any)));
        }
        assert_eq!((key("web-1"), key("aws_vpc.main")), ("web-1".to_owned(), "\"aws_vpc.main\"".to_owned()));
    }

    #[test]
    fn comments_stay_comments() {
        assert_eq!(comment("a\nb = 1"), "# a b = 1");
    }

    #[test]
    fn long_lists_have_a_line_an_item() {
        assert_eq!(texts(["10.0.0.0/16"]), "[\"10.0.0.0/16\"]");
        assert_eq!(texts(0..40).lines().count(), 42);
        assert_eq!(rows(vec![Row::new().set("a", "1".to_owned()).flag("b", false).done()]), "[{ a = 1 }]");
        assert_eq!(rows(vec!["{}".to_owned(); 2]), "[\n  {},\n  {},\n]");
    }
}
