//! What is wrong or odd with a configuration, shown with the source it is about.

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;
use serde::ser::SerializeStruct;

use crate::Origin;

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but AWS would not take it, or it is hardly meant.
    Warning,
    /// It works, and will surprise.
    Lint,
}

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// A stable code: `subnet-overlap`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub text: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Where.
    pub origin: Origin,
    /// The other place, of overlaps and duplicates, with what it is.
    pub related: Option<(Origin, String)>,
}

impl Finding {
    /// A finding at one place.
    pub fn new(severity: Severity, code: &'static str, origin: &Origin, text: impl Into<String>) -> Self {
        Self { code, severity, text: text.into(), help: None, origin: origin.clone(), related: None }
    }

    /// An error at one place.
    pub fn error(code: &'static str, origin: &Origin, text: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, origin, text)
    }

    /// A warning at one place.
    pub fn warning(code: &'static str, origin: &Origin, text: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, origin, text)
    }

    /// What to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The other place.
    #[must_use]
    pub fn related(mut self, origin: &Origin, label: impl Into<String>) -> Self {
        self.related = Some((origin.clone(), label.into()));
        self
    }
}

impl Serialize for Finding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Finding", 5)?;
        object.serialize_field("code", self.code)?;
        object.serialize_field("severity", &self.severity)?;
        object.serialize_field("place", &self.origin.to_string())?;
        object.serialize_field("text", &self.text)?;
        object.serialize_field("help", &self.help)?;
        object.end()
    }
}

/// The text of a file, for showing the lines that findings are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As the user named it.
    pub name: Arc<str>,
    /// All of it.
    pub text: Arc<str>,
}

/// Findings as text, each with its source line where `source` has it.
pub fn render(findings: &[Finding], source: Option<&Source>, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let shown: Vec<_> = findings.iter().map(|finding| render_one(finding, source, &renderer)).collect();
    shown.join("\n\n")
}

fn render_one(finding: &Finding, source: Option<&Source>, renderer: &Renderer) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Lint => Level::NOTE.with_name("lint"),
    };
    let title = level.primary_title(finding.text.as_str()).id(finding.code);
    let span_in = |origin: &Origin| {
        let source = source?;
        let (start, end) = origin.span?;
        let there = source.name == origin.file && end <= source.text.len() && start <= end;
        there.then_some((source, Place { line: origin.line?, start, end }))
    };
    let mut group = match span_in(&finding.origin) {
        Some((source, place)) => {
            let related = finding.related.as_ref().and_then(|(origin, label)| Some((span_in(origin)?.1, label)));
            let excerpt = Excerpt::of(&source.text, place, related.map(|(place, _)| place));
            let mut snippet = Snippet::source(excerpt.text).path(&*source.name).line_start(excerpt.line);
            snippet = snippet.annotation(AnnotationKind::Primary.span(excerpt.span(place)));
            if let Some((place, label)) = related {
                snippet = snippet.annotation(AnnotationKind::Context.span(excerpt.span(place)).label(label.as_str()));
            }
            title.element(snippet)
        }
        None => {
            let mut place = format!("at {}", finding.origin);
            if let Some((origin, label)) = &finding.related {
                place.push_str(&format!("; {label}: {origin}"));
            }
            Group::with_title(title).element(Level::NOTE.message(place))
        }
    };
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

/// A place in a text: bytes, and the line that the first of them is on.
#[derive(Clone, Copy)]
struct Place {
    line: u32,
    start: usize,
    end: usize,
}

/// The lines of a text that a finding shows. The renderer looks at all that it gets, and a large file may have a finding on
/// every line.
struct Excerpt<'a> {
    text: &'a str,
    /// The number of its first line.
    line: usize,
    /// Where in the whole text it begins.
    start: usize,
}

impl<'a> Excerpt<'a> {
    /// The lines from the first to the last of two places.
    fn of(text: &'a str, place: Place, related: Option<Place>) -> Self {
        let other = related.unwrap_or(place);
        let first = if other.start < place.start { other } else { place };
        let last = place.end.max(other.end);
        // In bytes, for a span may end inside of a character; a newline is none's part.
        let is_newline = |byte: &u8| *byte == b'\n';
        let bytes = text.as_bytes();
        let start = bytes[..first.start].iter().rposition(is_newline).map_or(0, |newline| newline + 1);
        let end = bytes[last..].iter().position(is_newline).map_or(text.len(), |newline| last + newline);
        Self { text: &text[start..end], line: first.line as usize, start }
    }

    fn span(&self, place: Place) -> Range<usize> {
        place.start - self.start..place.end - self.start
    }
}
