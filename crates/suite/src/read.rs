//! From the text of a suite to its shape, with everything that is wrong on the way.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};
use vpcemu_model::native::mistakes::{Keys, Places, table, type_error};
use vpcemu_model::native::{Finding, Source};

use crate::file::SuiteFile;
use crate::yaml::Document;

/// The two languages of suites. JSON is YAML.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Language {
    Toml,
    Yaml,
}

/// Reads a text, in the language that the suffix of its name says, or else its first line.
pub(crate) fn read(path: &Path, source: &Source, places: &Places) -> Result<SuiteFile, Vec<Finding>> {
    match language(path, &source.text) {
        Language::Toml => shape(table(&source.text, places)?, source, places),
        Language::Yaml => {
            let document = Document::parse(&source.text, places).map_err(|finding| vec![*finding])?;
            let table = document.table(places).map_err(|finding| vec![*finding])?;
            shape(table, source, places)
        }
    }
}

fn language(path: &Path, text: &str) -> Language {
    match path.extension().and_then(|suffix| suffix.to_str()) {
        Some("toml") => return Language::Toml,
        Some("yaml" | "yml" | "json") => return Language::Yaml,
        _ => {}
    }
    let said = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    let before = |mark| said.find(mark).unwrap_or(usize::MAX);
    if said.starts_with('[') || before('=') < before(':') { Language::Toml } else { Language::Yaml }
}

fn shape(table: DeTable<'_>, source: &Source, places: &Places) -> Result<SuiteFile, Vec<Finding>> {
    let findings = Keys::of(crate::json_schema()).unknown(&table, places);
    if !findings.is_empty() {
        return Err(findings);
    }
    let value = Spanned::new(0..source.text.len(), DeValue::Table(table));
    SuiteFile::deserialize(ValueDeserializer::from(value))
        .map_err(|error| vec![type_error("wrong-type", &error, places)])
}

/// The text of a suite.
pub(crate) fn source(path: &Path, bytes: Vec<u8>) -> Result<Source, usize> {
    let text = String::from_utf8(bytes).map_err(|error| error.utf8_error().valid_up_to())?;
    // Editors on Windows put a byte order mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(Source { name: Arc::from(path.display().to_string()), text: Arc::from(text) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_says_the_language_or_else_the_first_line() {
        let of = |path: &str, text| language(Path::new(path), text);
        assert_eq!(of("a.toml", "config: x"), Language::Toml);
        assert_eq!(of("a.yml", "config = 1"), Language::Yaml);
        assert_eq!(of("suite", "# about\n\nconfig = \"a:b\"\n"), Language::Toml);
        assert_eq!(of("suite", "[[flow]]\n"), Language::Toml);
        assert_eq!(of("suite", "---\nconfig: a=b\n"), Language::Yaml);
        assert_eq!(of("suite", "{\"config\": \"x\"}"), Language::Yaml);
    }
}
