//! Rows of what CloudWatch Logs Insights answers: fields of records under the names by which it discovers them.

use crate::field::Field;

/// What a query gave of one record, where it gave no message.
#[derive(Clone, Default, Debug)]
pub(crate) struct Row {
    pub(crate) fields: Vec<Field>,
    /// Their values, as a line of a record has them.
    pub(crate) line: Vec<u8>,
    /// The first column that is no field.
    pub(crate) stranger: Option<String>,
    /// Whether there is any column.
    pub(crate) is_there: bool,
}

impl Row {
    pub(crate) fn clear(&mut self) {
        self.fields.clear();
        self.line.clear();
        (self.stranger, self.is_there) = (None, false);
    }

    /// Adds a column. Of those that every event has, none says anything of a record, and neither does the version: it is that of
    /// fields which the query may have left out.
    pub(crate) fn add(&mut self, name: &[u8], value: &[u8]) {
        self.is_there = true;
        let (name, value) = (name.trim_ascii(), value.trim_ascii());
        if name.starts_with(b"@") {
            return;
        }
        match discovered(name) {
            Some(Field::Version) => {}
            Some(field) if self.fields.contains(&field) => {}
            Some(field) => {
                self.fields.push(field);
                if !self.line.is_empty() {
                    self.line.push(b' ');
                }
                self.line.extend_from_slice(if value.is_empty() { b"-" } else { value });
            }
            None => {
                self.stranger.get_or_insert_with(|| String::from_utf8_lossy(name).into_owned());
            }
        }
    }
}

/// The field that a column has: `srcAddr` is `srcaddr`, `logStatus` is `log-status`. Start and end have names of their own.
pub(crate) fn discovered(name: &[u8]) -> Option<Field> {
    match name {
        b"startTime" => return Some(Field::Start),
        b"endTime" => return Some(Field::End),
        _ => {}
    }
    let letters =
        |text: &[u8]| -> Vec<u8> { text.iter().filter(|byte| **byte != b'-').map(u8::to_ascii_lowercase).collect() };
    // Only camel case, and the names themselves: `src_addr` is a name that a query made up.
    let name = letters(name);
    Field::ALL.into_iter().find(|field| letters(field.name().as_bytes()) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_discovered_by_their_names() {
        for (name, field) in [
            ("srcAddr", Some(Field::SrcAddr)),
            ("interfaceId", Some(Field::InterfaceId)),
            ("startTime", Some(Field::Start)),
            ("end", Some(Field::End)),
            ("pktDstAddr", Some(Field::PktDstAddr)),
            ("flow-direction", Some(Field::FlowDirection)),
            ("tcpFlags", Some(Field::TcpFlags)),
            ("sum(bytes)", None),
            ("src_addr", None),
            ("", None),
        ] {
            assert_eq!(discovered(name.as_bytes()), field, "{name}");
        }
    }

    #[test]
    fn a_row_is_a_line_of_its_fields() {
        let mut row = Row::default();
        for (name, value) in [
            ("@timestamp", "2025"),
            ("srcAddr", " 10.0.0.1 "),
            ("version", "5"),
            ("action", ""),
            ("srcAddr", "x"),
            ("a b", "7"),
        ] {
            row.add(name.as_bytes(), value.as_bytes());
        }
        assert_eq!((row.fields, row.line), (vec![Field::SrcAddr, Field::Action], b"10.0.0.1 -".to_vec()));
        assert_eq!(row.stranger.as_deref(), Some("a b"));
    }
}
