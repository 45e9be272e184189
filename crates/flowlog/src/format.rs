//! Which fields a record has, and in which order.

use std::fmt;
use std::str::FromStr;

use vpcemu_model::flow_log::{FlowLog, TRANSIT_GATEWAY_FIELDS};
use vpcemu_model::native::nearest;

use crate::Field;

/// The fields of records, each at most once.
///
/// ```
/// use vpcemu_flowlog::Format;
///
/// let format: Format = "${version} ${srcaddr} ${pkt-dstaddr}".parse()?;
/// assert_eq!((format.header(), format.version()), ("version srcaddr pkt-dstaddr".to_owned(), 3));
/// let error = "${version} ${srcadr}".parse::<Format>().unwrap_err();
/// assert_eq!(error.to_string(), "flow logs have no field srcadr; did you mean srcaddr?");
/// # Ok::<(), vpcemu_flowlog::FormatError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Format {
    fields: Vec<Field>,
}

/// Why something is no format.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// It has a field that there is not.
    #[error("flow logs have no field {name}; {help}")]
    Unknown {
        /// As it was written.
        name: String,
        /// The field that it may be, or all of them.
        help: String,
    },
    /// Something in it is no `${field}`.
    #[error("`{piece}` is no field of a format; expected fields like ${{srcaddr}}, one space apart")]
    NoField {
        /// What is there instead.
        piece: String,
    },
    /// A field is there twice.
    #[error("{field} is there twice; a record has a field once")]
    Twice {
        /// Which.
        field: Field,
    },
    /// There is no field in it.
    #[error("a format without a field; expected fields like ${{srcaddr}}, one space apart")]
    Empty,
    /// Its fields are those of transit gateways.
    #[error(
        "{field} is a field of transit gateway flow logs (version 6), which are not read or written: only those of VPCs, subnets and interfaces are"
    )]
    TransitGateway {
        /// The first of them.
        field: String,
    },
}

impl Format {
    /// A format of these fields.
    ///
    /// # Errors
    /// If there is none, or one twice.
    pub fn new(fields: impl Into<Vec<Field>>) -> Result<Self, FormatError> {
        let fields = fields.into();
        if fields.is_empty() {
            return Err(FormatError::Empty);
        }
        let twice = fields.iter().enumerate().find(|(index, field)| fields[..*index].contains(field));
        match twice {
            Some((_, field)) => Err(FormatError::Twice { field: *field }),
            None => Ok(Self { fields }),
        }
    }

    /// The format of a definition.
    ///
    /// # Errors
    /// If it is none of a VPC, subnet or interface.
    pub fn of(log: &FlowLog) -> Result<Self, FormatError> {
        log.format.parse()
    }

    /// The fields that a header line names.
    ///
    /// # Errors
    /// If it is no header line of the records of a VPC, subnet or interface.
    pub fn from_header(line: &str) -> Result<Self, FormatError> {
        Self::from_names(line.split_ascii_whitespace())
    }

    /// The fields with these names.
    pub(crate) fn from_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, FormatError> {
        Self::new(names.map(named).collect::<Result<Vec<_>, _>>()?)
    }

    /// Its fields, in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The version that its records say: the highest of its fields (9b).
    pub fn version(&self) -> u8 {
        self.fields.iter().map(|field| field.version()).max().unwrap_or(2)
    }

    /// The first line of its files: the names of its fields (9.17).
    pub fn header(&self) -> String {
        self.fields.iter().map(|field| field.name()).collect::<Vec<_>>().join(" ")
    }
}

/// The default format: all fields of version 2.
impl Default for Format {
    fn default() -> Self {
        let fields = Field::ALL.into_iter().filter(|field| field.version() == 2).collect();
        Self { fields }
    }
}

impl FromStr for Format {
    type Err = FormatError;

    /// `${version} ${srcaddr} ...`
    fn from_str(text: &str) -> Result<Self, FormatError> {
        let pieces = text.split_ascii_whitespace().map(|piece| {
            let inner = piece.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            inner
                .filter(|name| !name.contains(['$', '{', '}']))
                .ok_or_else(|| FormatError::NoField { piece: shown(piece) })
        });
        // A piece that is no field is said before a field that there is not: the latter may be a consequence.
        Self::from_names(pieces.collect::<Result<Vec<_>, _>>()?.into_iter())
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, field) in self.fields.iter().enumerate() {
            write!(f, "{}${{{field}}}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// Whether a name is of a field that only transit gateways have.
pub(crate) fn is_of_transit_gateway(name: &str) -> bool {
    TRANSIT_GATEWAY_FIELDS.contains(&name) && Field::named(name).is_none()
}

fn named(name: &str) -> Result<Field, FormatError> {
    if let Some(field) = Field::named(name) {
        return Ok(field);
    }
    if is_of_transit_gateway(name) {
        return Err(FormatError::TransitGateway { field: name.to_owned() });
    }
    let known = Field::ALL.map(Field::name);
    let help = match nearest(name, known) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => format!("there is {}", known.join(", ")),
    };
    Err(FormatError::Unknown { name: shown(name), help })
}

/// As much of something foreign as a message shows.
pub(crate) fn shown(text: &str) -> String {
    /// More than any field's name or number has.
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", text[..end].escape_debug()),
        None => text.escape_debug().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use vpcemu_model::LoggedResource;

    use super::*;

    fn refused(text: &str) -> String {
        text.parse::<Format>().unwrap_err().to_string()
    }

    #[test]
    fn the_default_is_that_of_the_model() {
        let default = LoggedResource::Vpc("vpc-1".into()).default_format();
        assert_eq!(Format::default().to_string(), default);
        assert_eq!(default.parse::<Format>().unwrap(), Format::default());
        assert_eq!(Format::default().version(), 2);
    }

    #[test]
    fn the_version_is_the_highest_of_the_fields() {
        for (format, version) in [("${srcaddr}", 2), ("${reject-reason} ${bytes}", 8), ("${asg-tag} ${region}", 11)] {
            assert_eq!(format.parse::<Format>().unwrap().version(), version);
        }
    }

    #[test]
    fn a_header_line_names_the_fields() {
        let all = Format::new(Field::ALL).unwrap();
        assert_eq!(Format::from_header(&all.header()).unwrap(), all);
        assert_eq!(all.to_string().parse::<Format>().unwrap(), all);
        assert_eq!(all.version(), 11);
    }

    #[test]
    fn what_is_no_format_is_said() {
        assert_eq!(refused("${pkt-srcadr}"), "flow logs have no field pkt-srcadr; did you mean pkt-srcaddr?");
        assert!(refused("${elephant-count}").starts_with("flow logs have no field elephant-count; there is version, "));
        assert_eq!(refused("${bytes} ${bytes}"), "bytes is there twice; a record has a field once");
        assert!(refused(" ").starts_with("a format without a field"));
        for piece in ["bytes", "${bytes}${packets}", "${bytes", "$bytes"] {
            assert!(refused(piece).starts_with(&format!("`{piece}` is no field of a format")));
        }
        let transit = LoggedResource::TransitGateway("tgw-1".into()).default_format();
        assert!(refused(&transit).starts_with("resource-type is a field of transit gateway flow logs"));
        assert!(Format::from_header("version tgw-id").is_err());
    }
}
