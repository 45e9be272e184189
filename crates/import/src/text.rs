//! Bytes to JSON documents: byte order marks, UTF-16, several documents one after another.

use serde_json::Value;

use crate::Error;

/// The documents of a file. A file of several, as `>>` leaves it, is fine; text between them is not.
pub(crate) fn documents(file: &str, bytes: &[u8]) -> Result<Vec<Value>, Error> {
    let text = decode(file, bytes)?;
    serde_json::Deserializer::from_str(&text)
        .into_iter()
        .collect::<Result<_, serde_json::Error>>()
        .map_err(|error| json_error(file, &error))
}

/// The text of a file: UTF-8, or UTF-16 with a byte order mark, which is what PowerShell's `>` writes.
pub(crate) fn decode(file: &str, bytes: &[u8]) -> Result<String, Error> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(file, rest, "UTF-16LE", u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(file, rest, "UTF-16BE", u16::from_be_bytes),
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

fn json_error(file: &str, error: &serde_json::Error) -> Error {
    let text = error.to_string();
    // The position has its own fields.
    let cause = text.split(" at line ").next().unwrap_or(&text).to_owned();
    Error::Json { file: file.to_owned(), line: error.line(), column: error.column(), cause }
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

    #[test]
    fn damage_names_its_place() {
        let error = documents("x.json", b"{\n  \"a\": 1,\n  // note\n}").unwrap_err();
        assert_eq!(error.to_string(), "x.json:3:3: not JSON: key must be a string");
        let error = documents("x.json", b"{\"a\": 1}\nINFO done").unwrap_err();
        assert_eq!(error.to_string(), "x.json:2:1: not JSON: expected value");
        let error = documents("x.json", b"{\"a\": \"\xff\"}").unwrap_err();
        assert_eq!(error.to_string(), "x.json: byte 7: not UTF-8");
        let error = documents("x.json", b"\xff\xfe{\0}").unwrap_err();
        assert_eq!(error.to_string(), "x.json: byte 4: not UTF-16LE");
        let error = documents("x.json", b"\xff\xfe{\0\x00\xdc").unwrap_err();
        assert_eq!(error.to_string(), "x.json: byte 4: not UTF-16LE");
    }
}
