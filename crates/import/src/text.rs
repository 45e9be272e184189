//! Bytes to JSON documents: byte order marks, UTF-16, several documents one after another.

use serde_json::Value;

use crate::Error;
use crate::foreign::shown;

/// The documents of a file. A file of several, as `>>` leaves it, is fine; text before, between or after them is not.
pub(crate) fn documents(file: &str, bytes: &[u8]) -> Result<Vec<Value>, Error> {
    let text = decode(file, bytes)?;
    let parsed: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&text).into_iter().collect();
    parsed.map_err(|error| match behind_lines(file, bytes, &text) {
        Some(better) => better,
        None => json_error(file, bytes, &text, &error),
    })
}

/// Whether a text is a JSON list of objects, which the name of a TOML table in brackets is not.
pub(crate) fn is_list(text: &str) -> bool {
    let inside = text.trim_start().strip_prefix('[');
    inside.is_some_and(|inside| inside.trim_start().starts_with('{'))
}

/// The error for a text whose first lines are no JSON while what is behind them is: a tool's log, a shell's prompt.
pub(crate) fn behind_lines(file: &str, bytes: &[u8], text: &str) -> Option<Error> {
    let begins = |text: &str| text.starts_with('{') || is_list(text);
    if begins(text.trim_start()) {
        return None;
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let rest = &text[start..];
        if start > 0 && begins(rest) {
            let parsed: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(rest).into_iter().collect();
            return parsed.is_ok().then(|| Error::Leading {
                file: file.to_owned(),
                bytes: position(bytes, &text[..start]),
                lines: text[..start].lines().count(),
                first: shown(unassigned(text.trim_start())),
            });
        }
        start += line.len();
    }
    None
}

/// The text of a file: UTF-8, or UTF-16 with a byte order mark, which is what PowerShell's `>` writes.
pub(crate) fn decode(file: &str, bytes: &[u8]) -> Result<String, Error> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(file, rest, "UTF-16LE", u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(file, rest, "UTF-16BE", u16::from_be_bytes),
        // No text begins with a NUL; every other byte of such a file is one.
        [0, 1..=0x7f, ..] | [1..=0x7f, 0, ..] => {
            let text = format!("{file}: UTF-16 without a byte order mark: save it as UTF-8");
            Err(Error::Foreign { text })
        }
        _ => {
            let mark = if bytes.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 };
            std::str::from_utf8(&bytes[mark..]).map(str::to_owned).map_err(|error| Error::Encoding {
                file: file.to_owned(),
                offset: mark + error.valid_up_to(),
                encoding: "UTF-8",
            })
        }
    }
}

fn utf16(file: &str, bytes: &[u8], encoding: &'static str, unit: fn([u8; 2]) -> u16) -> Result<String, Error> {
    let error = |offset| Error::Encoding { file: file.to_owned(), offset, encoding };
    if !bytes.len().is_multiple_of(2) {
        // The mark is two bytes, so this is the position of the odd byte.
        return Err(error(bytes.len() + 1));
    }
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let mut text = String::with_capacity(bytes.len() / 2);
    let mut offset = 2;
    for character in char::decode_utf16(units) {
        let character = character.map_err(|_| error(offset))?;
        offset += 2 * character.len_utf16();
        text.push(character);
    }
    Ok(text)
}

/// Where in a file's bytes the end of this beginning of its text is.
fn position(bytes: &[u8], before: &str) -> usize {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => 2 + 2 * before.encode_utf16().count(),
        [0xef, 0xbb, 0xbf, ..] => 3 + before.len(),
        _ => before.len(),
    }
}

fn json_error(file: &str, bytes: &[u8], text: &str, error: &serde_json::Error) -> Error {
    let whole = error.to_string();
    // The position has its own fields.
    let cause = whole.split(" at line ").next().unwrap_or(&whole);
    // Columns count bytes from 1, as this crate's do; the end of a text is behind its last byte.
    let start: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let mut at = (start + error.column().saturating_sub(1)).min(text.len());
    if error.is_eof() {
        at = text.len();
    }
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let expected = if error.is_eof() {
        let inside = match cause.strip_prefix("EOF while parsing ") {
            Some("a value") | None => "where a value belongs".to_owned(),
            Some(what) => format!("inside {what}"),
        };
        format!("the file ends {inside}: it was cut short; make it again")
    } else {
        format!("{}, found {}", expected(cause), found(text, at))
    };
    let byte = position(bytes, &text[..at]);
    Error::Json { file: file.to_owned(), line: error.line(), column: error.column(), byte, expected }
}

/// What is at a place, and what to do about it. Inside of a document it is named by its kind only: what stands behind the
/// damage may be a password, in a state of Terraform's that was not recognised because it is damaged.
fn found(text: &str, at: usize) -> String {
    let rest = text[at..].lines().next().unwrap_or_default().trim();
    if rest.starts_with("//") || rest.starts_with('#') {
        return "a comment; JSON has no comments: remove it".to_owned();
    }
    let outside = is_outside(&text[..at]);
    let help = if outside && !text[..at].trim().is_empty() { "; it is behind the JSON: remove it" } else { "" };
    // Words only: a bracket too many makes the end of one document of the middle of another.
    if outside && rest.starts_with(|first: char| first.is_alphabetic()) {
        return format!("`{}`{help}", shown(unassigned(rest)));
    }
    format!("{}{help}", kind(rest))
}

/// The kind of what a line begins with.
fn kind(rest: &str) -> String {
    let kind = match rest.chars().next() {
        None => "the end of the line",
        Some('"') => "a text",
        Some('\'') => "a single quote",
        Some(first) if first == '-' || first.is_ascii_digit() => "a number",
        Some(first) if first.is_alphabetic() => {
            let word = rest.split(|it: char| !it.is_alphanumeric()).next().unwrap_or_default();
            return if OF_OTHERS.contains(&word) { format!("`{word}`") } else { "a word".to_owned() };
        }
        Some(first) if "{}[],:".contains(first) => return format!("`{first}`"),
        Some(_) => "a character that JSON does not have there",
    };
    kind.to_owned()
}

/// What other languages write for JSON's `true`, `false` and `null`: known words, so none of them is a secret.
const OF_OTHERS: [&str; 9] = ["TRUE", "FALSE", "NULL", "True", "False", "None", "nil", "undefined", "NaN"];

/// The first line of a text as far as it gives nothing a value: `TF_VAR_db_password=...` is a line of a shell's, too.
fn unassigned(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    line.split(['=', ':']).next().unwrap_or_default()
}

/// Whether everything before a place is complete documents, or nothing.
fn is_outside(before: &str) -> bool {
    serde_json::Deserializer::from_str(before).into_iter::<Value>().all(|document| document.is_ok())
}

/// What a parser's message means to somebody who did not write the parser.
fn expected(cause: &str) -> String {
    let known = match cause {
        "expected value" => "expected a value",
        "key must be a string" => "expected a key in double quotes",
        "trailing comma" => "expected a value after the comma",
        "trailing characters" => "expected the end of the file",
        "expected ident" => "expected `true`, `false` or `null`",
        "recursion limit exceeded" => "expected fewer levels of lists and objects",
        _ if cause.starts_with("control character") => "expected the end of the text in double quotes",
        other => return other.to_owned(),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16_bytes(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(unit).collect()
    }

    #[test]
    fn all_encodings_read_alike() {
        let text = "{\"a\": \"é𝄞\"}";
        let expected = documents("plain", text.as_bytes()).unwrap();
        assert_eq!(documents("bom", format!("\u{feff}{text}").as_bytes()).unwrap(), expected);
        assert_eq!(documents("le", &utf16_bytes(text, u16::to_le_bytes)).unwrap(), expected);
        assert_eq!(documents("be", &utf16_bytes(text, u16::to_be_bytes)).unwrap(), expected);
    }

    #[test]
    fn several_documents_follow_each_other() {
        assert_eq!(documents("x", b"{}\n{\"a\":1} []").unwrap().len(), 3);
        assert!(documents("x", b"").unwrap().is_empty());
    }

    fn said(bytes: &[u8]) -> String {
        documents("x.json", bytes).unwrap_err().to_string()
    }

    #[test]
    fn damage_names_its_place_and_what_belongs_there() {
        for (text, expected) in [
            (
                "{\n  \"a\": 1,\n  // note\n}",
                "x.json:3:3 (byte 14): not JSON: expected a key in double quotes, found a comment; JSON has no comments: remove it",
            ),
            (
                "{\"a\": 1}\nINFO done",
                "x.json:2:1 (byte 9): not JSON: expected a value, found `INFO done`; it is behind the JSON: remove it",
            ),
            (
                "{\"Vpcs\": [{\"VpcId\": \"vpc",
                "x.json:1:24 (byte 24): not JSON: the file ends inside a string: it was cut short; make it again",
            ),
            (
                "{\"Vpcs\": [{}",
                "x.json:1:12 (byte 12): not JSON: the file ends inside a list: it was cut short; make it again",
            ),
            (
                "{\"a\":",
                "x.json:1:5 (byte 5): not JSON: the file ends where a value belongs: it was cut short; make it again",
            ),
            ("{\"a\": [1, ]}", "x.json:1:11 (byte 10): not JSON: expected a value after the comma, found `]`"),
            ("{\"a\" 1}", "x.json:1:6 (byte 5): not JSON: expected `:`, found a number"),
            ("{\"a\": TRUE}", "x.json:1:7 (byte 6): not JSON: expected a value, found `TRUE`"),
        ] {
            assert_eq!(said(text.as_bytes()), expected);
        }
    }

    #[test]
    fn damaged_documents_keep_what_may_be_secret() {
        for (text, found) in [
            // Keys in alphabetical order, so that nothing told of Terraform before the damage.
            ("{\"lineage\": \"l\", \"outputs\": {\"pw\": {\"value\" \"hunter2\"}}}", "expected `:`, found a text"),
            ("{\"password\": hunter2}", "expected a value, found a word"),
            ("{\"a\": 'hunter2'}", "expected a value, found a single quote"),
            ("{\"password\": \"one\"hunter2\"}", "found a word"),
            ("{\"password\": \"one\"#hunter2\"}", "found a comment"),
            ("{\"password\": \"one\"// hunter2\"}", "found a comment"),
            ("{\"password\": \"one\"!hunter2\"}", "found a character that JSON does not have there"),
            ("{\"pin\" 4711}", "found a number"),
            ("{\"password\": \"one\nhunter2\"}", "expected the end of the text in double quotes, found "),
            ("{\"a\": {}}, \"password\": \"hunter2\"}", "found `,`; it is behind the JSON: remove it"),
            ("{\"a\": {}}\nPASSWORD=hunter2 x", "found `PASSWORD`; it is behind the JSON: remove it"),
            ("PASSWORD=hunter2 terraform show -json\n{\"Vpcs\": []}", "the first is `PASSWORD`"),
            ("password: hunter2\n{\"Vpcs\": []}", "the first is `password`"),
        ] {
            let said = said(text.as_bytes());
            assert!(said.contains(found), "{said}");
            assert!(!said.contains("hunter2") && !said.contains("4711"), "{said}");
        }
    }

    #[test]
    fn damage_is_counted_in_the_bytes_of_the_file() {
        let text = "{\"é\": 1,\n ?}";
        assert!(said(text.as_bytes()).starts_with("x.json:2:2 (byte 11): "), "{}", said(text.as_bytes()));
        assert!(said(format!("\u{feff}{text}").as_bytes()).starts_with("x.json:2:2 (byte 14): "));
        // A mark, and ten characters of two bytes each.
        assert!(said(&utf16_bytes(text, u16::to_le_bytes)).starts_with("x.json:2:2 (byte 22): "));
    }

    #[test]
    fn lines_before_the_json_are_shown() {
        let expected = "x.json: 33 bytes in 2 lines before the JSON, which begins with line 3: remove them; \
                        the first is `INFO calling ec2`";
        assert_eq!(said(b"INFO calling ec2\nDEBUG 200 in 12\n{\"Vpcs\": []}\n"), expected);
        assert!(said("\u{feff}$ aws\n[{\"Vpcs\": []}]".as_bytes()).contains("9 bytes in 1 line before"));
        // What is behind them has to be JSON.
        assert!(said(b"INFO calling ec2\n{\"Vpcs\": [").contains("expected a value, found `INFO calling ec2`"));
    }

    #[test]
    fn bytes_that_are_no_text_are_named() {
        for bytes in [b"{\0}\0", b"\0{\0}"] {
            assert_eq!(said(bytes), "x.json: UTF-16 without a byte order mark: save it as UTF-8");
        }
        assert_eq!(said(b"{\"a\": \"\xff\"}"), "x.json: byte 7: not UTF-8");
        assert_eq!(said(b"\xff\xfe{\0\x00\xdc"), "x.json: byte 4: not UTF-16LE");
    }
}
