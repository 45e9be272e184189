//! Documents to objects: dispatch by top-level key, wrappers, and the account of what was there.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};
use vpcemu_model::Id;

use crate::dump::{Dump, Key};
use crate::notes::Notes;
use crate::{Error, FileReport, KeyCount, files, foreign, node, text};

/// How many objects or lists may enclose a dump: an account and a region, a prefix list's id, a list of pages. More would
/// take templates of other tools, whose properties have the same names, for dumps.
pub(crate) const WRAPPERS: usize = 2;

/// What the files hold.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) dump: Dump,
    pub(crate) files: Vec<FileReport>,
}

/// Reads every file of the path.
pub(crate) fn gather(path: &Path, notes: &mut Notes) -> Result<Gathered, Error> {
    let mut gathering = Gathering::default();
    for file in files::json_files(path)? {
        let bytes = std::fs::read(&file).map_err(|source| Error::Read { path: file.clone(), source })?;
        gathering.file(&file, &bytes, notes)?;
    }
    gathering.finish(path, notes)
}

/// Reads what is in memory, as if it were the file of that name.
pub(crate) fn gather_bytes(file: &Path, bytes: &[u8], notes: &mut Notes) -> Result<Gathered, Error> {
    let mut gathering = Gathering::default();
    gathering.file(file, bytes, notes)?;
    gathering.finish(file, notes)
}

/// What the files read so far hold.
#[derive(Default)]
struct Gathering {
    gathered: Gathered,
    unknown: Vec<Unknown>,
    /// Why what looks like something is no dump; only said where nothing else is one.
    refused: Vec<Error>,
}

impl Gathering {
    fn file(&mut self, file: &Path, bytes: &[u8], notes: &mut Notes) -> Result<(), Error> {
        let name: Arc<str> = file.display().to_string().into();
        let documents = text::documents(&name, bytes)?;
        let named = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let named = Named { list: id_in(named, PREFIX_LIST), table: id_in(named, ROUTE_TABLE) };
        let mut reader = Reader {
            dump: &mut self.gathered.dump,
            notes,
            unknown: &mut self.unknown,
            refused: &mut self.refused,
            report: FileReport { name: name.to_string(), keys: Vec::new() },
            file: name,
            named,
        };
        if documents.is_empty() {
            reader.notes.ignore(&reader.file, &reader.file, "it is empty: the call that should have written it failed");
        }
        let several = documents.len() > 1;
        for (index, document) in documents.into_iter().enumerate() {
            let place = if several { format!("#{}", index + 1) } else { String::new() };
            if foreign::is_template(&document) {
                reader.refused.extend(foreign::of_document(&reader.file, &document));
                let text = "a CloudFormation template: only dumps of what is deployed are read";
                reader.notes.ignore("AWSTemplateFormatVersion", &reader.file, text);
                continue;
            }
            reader.document(document, &place, None, WRAPPERS)?;
        }
        self.gathered.files.push(reader.report);
        Ok(())
    }

    fn finish(self, path: &Path, notes: &mut Notes) -> Result<Gathered, Error> {
        let Self { gathered, unknown, refused } = self;
        if gathered.files.iter().all(|file| file.keys.is_empty()) {
            let why = refused.into_iter().next();
            return Err(why.unwrap_or_else(|| Error::NoDump { path: path.to_owned() }));
        }
        for Unknown { key, file, files } in unknown {
            let place = if files > 1 { format!("{file} and {} more", files - 1) } else { file.to_string() };
            notes.ignore(key, place, "this key is not read");
        }
        Ok(gathered)
    }
}

/// Whether a value is a dump, or encloses one.
pub(crate) fn holds_dump(value: &Value, depth: usize) -> bool {
    match value {
        Value::Object(map) if map.keys().any(|key| Key::named(key).is_some() || encloses(key)) => true,
        Value::Object(map) if depth > 0 => map.values().any(|value| holds_dump(value, depth - 1)),
        Value::Array(values) if depth > 0 => values.iter().any(|value| holds_dump(value, depth - 1)),
        _ => false,
    }
}

/// How the ids of prefix lists begin.
const PREFIX_LIST: &str = "pl-";
/// How the ids of the tables of transit gateways begin.
const ROUTE_TABLE: &str = "tgw-rtb-";

/// Whether a key is the id of what the document under it is a part of.
fn encloses(key: &str) -> bool {
    [PREFIX_LIST, ROUTE_TABLE].iter().any(|prefix| key.starts_with(prefix))
}

/// The id that a file name mentions: `get-managed-prefix-list-entries.pl-0123.json`. The last one counts.
fn id_in(name: &str, prefix: &str) -> Option<Id> {
    let starts = name.match_indices(prefix).map(|(at, _)| at).filter(|&at| {
        // Not the end of another word.
        !name[..at].ends_with(|c: char| c.is_ascii_alphanumeric())
    });
    let rest = &name[starts.last()?..];
    let after = prefix.len();
    let length = rest[after..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(rest.len(), |end| end + after);
    (length > after).then(|| Id::new(&rest[..length]))
}

/// What a file's name says the documents in it are parts of.
struct Named {
    list: Option<Id>,
    table: Option<Id>,
}

/// A top-level key that is not read, with the file that has it first and the number of files that have it.
struct Unknown {
    key: String,
    file: Arc<str>,
    files: usize,
}

/// Reads one file.
struct Reader<'a> {
    dump: &'a mut Dump,
    notes: &'a mut Notes,
    unknown: &'a mut Vec<Unknown>,
    refused: &'a mut Vec<Error>,
    report: FileReport,
    file: Arc<str>,
    named: Named,
}

impl Reader<'_> {
    /// `place` is the JSON path of the document, `within` the prefix list or table whose id encloses it.
    fn document(&mut self, value: Value, place: &str, within: Option<&Id>, depth: usize) -> Result<(), Error> {
        match value {
            Value::Object(map) => return self.object(map, place, within, depth),
            Value::Array(values) if depth > 0 => {
                for (index, value) in values.into_iter().enumerate() {
                    self.document(value, &format!("{place}[{index}]"), within, depth - 1)?;
                }
            }
            _ => {
                let what = if place.is_empty() { "the document" } else { place };
                self.notes.ignore(what, &self.file, "not a JSON object");
            }
        }
        Ok(())
    }

    fn object(
        &mut self,
        mut map: Map<String, Value>,
        place: &str,
        within: Option<&Id>,
        depth: usize,
    ) -> Result<(), Error> {
        for key in Key::PARTS {
            let Some(Value::Array(values)) = map.get(key.name()) else { continue };
            let of = self.whole(key, &map, within);
            if of.is_none() && !tells_part(key, values) {
                continue;
            }
            if let Some(value) = map.remove(key.name()) {
                self.part(key, value, place, of);
            }
        }
        if map.get("AdditionalRoutesAvailable").is_some_and(|it| *it == Value::Bool(true)) {
            let text = "the table has more routes than the search gave: the others have to be read with them";
            self.notes.ignore("AdditionalRoutesAvailable", &self.file, text);
        }
        map.retain(|key, _| key != "AdditionalRoutesAvailable" && key != Key::Routes.id_field());
        // The same order whichever map a build of `serde_json` has.
        let mut fields: Vec<_> = map.into_iter().collect();
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (key, value) in fields {
            let path = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
            match Key::named(&key) {
                Some(known) => self.known(known, value, &path)?,
                None => self.other(key, value, &path, depth)?,
            }
        }
        Ok(())
    }

    fn known(&mut self, key: Key, value: Value, path: &str) -> Result<(), Error> {
        let values = match value {
            Value::Array(values) => values,
            Value::Null => Vec::new(),
            value @ Value::Object(_) if key == Key::VpcBlockPublicAccessOptions => vec![value],
            other => {
                self.notes.ignore(key.name(), &self.file, "not a list");
                self.refused.push(node::value_error(&self.file, path.to_owned(), "a list", &other));
                return Ok(());
            }
        };
        self.dump.note_key(key);
        let mut count = 0;
        for (index, value) in values.into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            match value {
                Value::Object(mut map) if key == Key::Reservations => {
                    let Some(Value::Array(instances)) = map.remove("Instances") else { continue };
                    for (index, instance) in instances.into_iter().enumerate() {
                        let path = format!("{path}.Instances[{index}]");
                        count += usize::from(self.push(key, instance, path)?);
                    }
                }
                value => count += usize::from(self.push(key, value, path)?),
            }
        }
        self.count(key, count);
        Ok(())
    }

    /// False for what is no object at all.
    fn push(&mut self, key: Key, value: Value, path: String) -> Result<bool, Error> {
        match value {
            Value::Object(map) if !map.is_empty() => self.dump.push(key, map, &self.file, path, self.notes)?,
            Value::Object(_) | Value::Null => return Ok(false),
            _ => {
                self.notes.ignore(key.name(), format!("{}: {path}", self.file), "not an object");
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What a document is a part of: the enclosing key tells, a field beside it, or the file's name.
    fn whole(&self, key: Key, map: &Map<String, Value>, within: Option<&Id>) -> Option<Id> {
        let (prefix, named) = match key {
            Key::Entries => (PREFIX_LIST, &self.named.list),
            _ => (ROUTE_TABLE, &self.named.table),
        };
        let within = within.filter(|id| id.as_str().starts_with(prefix)).cloned();
        let beside = map.get(key.id_field()).and_then(Value::as_str).map(Id::new);
        within.or(beside).or_else(|| named.clone())
    }

    fn part(&mut self, key: Key, value: Value, place: &str, of: Option<Id>) {
        let count = value.as_array().map_or(0, Vec::len);
        self.count(key, count);
        let Some(of) = of else {
            let text = match key {
                Key::Entries => {
                    "neither the file's name nor an enclosing key tells which prefix list (`pl-...`) they are of"
                }
                _ => "neither the file's name nor an enclosing key tells which table (`tgw-rtb-...`) they are of",
            };
            self.notes.ignore(key.name(), &self.file, text);
            return;
        };
        let map = Map::from_iter([(key.name().to_owned(), value)]);
        self.dump.push_part(key, of, map, &self.file, place.to_owned());
    }

    fn other(&mut self, key: String, value: Value, path: &str, depth: usize) -> Result<(), Error> {
        let empty = match &value {
            Value::Null => true,
            Value::Array(values) => values.is_empty(),
            Value::String(text) => text.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        if empty || key == "ResponseMetadata" || key == Key::Entries.id_field() {
            return Ok(());
        }
        if key == "NextToken" {
            self.notes.ignore(key, &self.file, "the file is one page of several: the others have to be read with it");
            return Ok(());
        }
        if depth > 0 && (encloses(&key) || holds_dump(&value, depth - 1)) {
            let within = encloses(&key).then(|| Id::new(key));
            return self.document(value, path, within.as_ref(), depth - 1);
        }
        match self.unknown.iter_mut().find(|unknown| unknown.key == key) {
            Some(unknown) if unknown.file == self.file => {}
            Some(unknown) => unknown.files += 1,
            None => self.unknown.push(Unknown { key, file: self.file.clone(), files: 1 }),
        }
        Ok(())
    }

    fn count(&mut self, key: Key, count: usize) {
        match self.report.keys.iter_mut().find(|known| known.key == key.name()) {
            Some(known) => known.count += count,
            None => self.report.keys.push(KeyCount { key: key.name().to_owned(), count }),
        }
    }
}

/// Whether values without the id of a whole are a part all the same; other calls have keys of these names too.
fn tells_part(key: Key, values: &[Value]) -> bool {
    let has = |field: &str| values.iter().any(|value| value.get(field).is_some());
    match key {
        Key::Routes => has("TransitGatewayAttachments"),
        Key::Associations => has("TransitGatewayAttachmentId"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_tell_prefix_lists() {
        let of = |name| id_in(name, PREFIX_LIST).map(|id| id.to_string());
        assert_eq!(of("get-managed-prefix-list-entries.pl-0500.json").as_deref(), Some("pl-0500"));
        assert_eq!(of("pl-63a5400a.json").as_deref(), Some("pl-63a5400a"));
        assert_eq!(of("eu_pl-1_pl-2 (1).json").as_deref(), Some("pl-2"));
        assert_eq!(of("entries.json"), None);
        assert_eq!(of("impl-1.json"), None);
        assert_eq!(of("pl-.json"), None);
        assert_eq!(of("pl-é.json"), None);
        assert_eq!(
            id_in("search.tgw-rtb-0a.json", ROUTE_TABLE).map(|id| id.to_string()).as_deref(),
            Some("tgw-rtb-0a")
        );
    }

    fn read(files: &[(&str, &str)]) -> (Result<Gathered, Error>, Notes) {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let mut notes = Notes::default();
        (gather(folder.path(), &mut notes), notes)
    }

    #[test]
    fn empty_files_are_said() {
        let (gathered, notes) = read(&[("a.json", ""), ("b.json", r#"{"Vpcs": []}"#), ("c.json", "\n")]);
        assert_eq!(gathered.unwrap().files.len(), 3);
        let said: Vec<_> = notes.ignored.iter().map(|it| (it.place.ends_with("a.json"), it.text.as_str())).collect();
        let text = "it is empty: the call that should have written it failed";
        assert_eq!(said, [(true, text), (false, text)]);
    }

    #[test]
    fn a_dump_of_no_lists_says_so() {
        let alone = read(&[("a.json", r#"{"Vpcs": {"VpcId": "vpc-1"}}"#)]).0.unwrap_err().to_string();
        assert!(alone.contains("a.json: Vpcs: expected a list, found "), "{alone}");
        let (gathered, notes) = read(&[("a.json", r#"{"Vpcs": "none"}"#), ("b.json", r#"{"Subnets": []}"#)]);
        assert_eq!((gathered.unwrap().files.len(), notes.ignored[0].text.as_str()), (2, "not a list"));
    }

    #[test]
    fn wrappers_pages_and_streams_are_read() {
        let (gathered, notes) = read(&[
            ("a.json", r#"{"eu-west-1": {"Vpcs": [{"VpcId": "vpc-1", "State": "available"}]}}"#),
            ("b.json", r#"[{"Subnets": [{"SubnetId": "s-1"}]}, {"Subnets": [{"SubnetId": "s-2"}, null, {}]}]"#),
            ("c.json", r#"{"Vpcs": [{"VpcId": "vpc-1"}]} {"Addresses": null}"#),
            ("d.json", r#"{"pl-1": {"Entries": [{"Cidr": "10.0.0.0/8"}]}}"#),
        ]);
        let gathered = gathered.unwrap();
        let paths = |key| gathered.dump.nodes(key).map(|node| node.path).collect::<Vec<_>>();
        assert_eq!(paths(Key::Vpcs), ["eu-west-1.Vpcs[0]"]);
        assert_eq!(paths(Key::Subnets), ["[0].Subnets[0]", "[1].Subnets[0]"]);
        assert!(gathered.dump.has(Key::Addresses));
        assert!(!gathered.dump.has(Key::NatGateways));
        let (list, node) = gathered.dump.parts(Key::Entries).next().unwrap();
        assert_eq!((list.as_str(), node.path.as_str()), ("pl-1", "pl-1"));
        assert!(notes.ignored.is_empty(), "{:?}", notes.ignored);
        assert!(notes.assumptions.is_empty(), "{:?}", notes.assumptions);
        let counts: Vec<usize> = gathered.files.iter().map(|file| file.keys[0].count).collect();
        assert_eq!(counts, [1, 2, 1, 1]);
    }

    #[test]
    fn parts_of_tables_are_told_by_name_key_or_field() {
        let route = r#"[{"DestinationCidrBlock": "10.0.0.0/8", "TransitGatewayAttachments": []}]"#;
        let (gathered, notes) = read(&[
            ("a.tgw-rtb-1.json", &format!(r#"{{"Routes": {route}, "AdditionalRoutesAvailable": false}}"#)),
            ("b.json", &format!(r#"{{"eu-west-1": {{"tgw-rtb-2": {{"Routes": {route}, "Associations": []}}}}}}"#)),
            ("c.json", r#"{"TransitGatewayRouteTableId": "tgw-rtb-3", "TransitGatewayRouteTablePropagations": []}"#),
            ("d.json", &format!(r#"{{"Routes": {route}, "AdditionalRoutesAvailable": true}}"#)),
            ("e.json", r#"{"Routes": [{"DestinationCidr": "10.0.0.0/8"}], "Vpcs": []}"#),
        ]);
        let gathered = gathered.unwrap();
        let tables = |key| gathered.dump.parts(key).map(|(id, _)| id.to_string()).collect::<Vec<_>>();
        assert_eq!(tables(Key::Routes), ["tgw-rtb-1", "tgw-rtb-2"]);
        assert_eq!(tables(Key::Associations), ["tgw-rtb-2"]);
        assert_eq!(tables(Key::TransitGatewayRouteTablePropagations), ["tgw-rtb-3"]);
        let ignored: Vec<&str> = notes.ignored.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(ignored, ["Routes", "AdditionalRoutesAvailable", "Routes"]);
        assert!(notes.ignored[2].place.ends_with("e.json"));
    }

    #[test]
    fn unknown_keys_are_reported_once() {
        let (gathered, notes) = read(&[
            ("a.json", r#"{"Vpcs": [], "VpnConnections": [{}], "CustomerGateways": [], "ResponseMetadata": {"x": 1}}"#),
            ("b.json", r#"{"VpnConnections": [{}], "NextToken": "x", "Entries": []}"#),
            ("c.json", "3"),
        ]);
        assert!(gathered.is_ok());
        let ignored: Vec<&str> = notes.ignored.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(ignored, ["Entries", "NextToken", "the document", "VpnConnections"]);
        assert!(notes.ignored[3].place.ends_with("a.json and 1 more"));
    }

    #[test]
    fn the_fuller_copy_counts() {
        let (gathered, notes) = read(&[
            ("a.json", r#"{"Vpcs": [{"VpcId": "vpc-1", "State": "pending"}]}"#),
            ("b.json", r#"{"Vpcs": [{"VpcId": "vpc-1", "State": "available", "CidrBlock": "10.0.0.0/16"}]}"#),
        ]);
        let gathered = gathered.unwrap();
        let vpcs: Vec<_> = gathered.dump.nodes(Key::Vpcs).collect();
        assert_eq!(vpcs.len(), 1);
        assert!(vpcs[0].file.ends_with("b.json"));
        assert_eq!(notes.assumptions[0].code, crate::codes::CONFLICTING_COPIES);
    }

    #[test]
    fn two_of_one_id_in_one_answer_are_an_error() {
        let one = r#"{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}"#;
        let other = r#"{"VpcId": "vpc-1", "CidrBlock": "10.1.0.0/16"}"#;
        let (twice, _) = read(&[("a.json", &format!(r#"{{"Vpcs": [{one}, {other}]}}"#))]);
        let text = twice.unwrap_err().to_string();
        let expected =
            "a.json: Vpcs[1]: vpc-1 is also Vpcs[0], and they differ in CidrBlock: remove the one that is wrong";
        assert!(text.ends_with(expected), "{text}");
        // The same again is nothing new, and another answer may be of another time.
        let (same, notes) = read(&[("a.json", &format!(r#"{{"Vpcs": [{one}, {one}]}}"#))]);
        assert_eq!((same.unwrap().dump.nodes(Key::Vpcs).count(), notes.assumptions.len()), (1, 0));
        let (later, notes) = read(&[("a.json", &format!(r#"{{"Vpcs": [{one}]}} {{"Vpcs": [{other}]}}"#))]);
        assert_eq!((later.unwrap().dump.nodes(Key::Vpcs).count(), notes.assumptions.len()), (1, 1));
    }

    #[test]
    fn templates_are_one_line_beside_a_dump_and_an_error_alone() {
        let template =
            r#"{"Resources": {"A": {"Type": "AWS::EC2::VPC"}}, "Outputs": {"a": 1}, "Parameters": {"b": 2}}"#;
        let (gathered, notes) = read(&[("a.json", r#"{"Vpcs": []}"#), ("b.json", template)]);
        assert!(gathered.is_ok());
        let ignored: Vec<&str> = notes.ignored.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(ignored, ["AWSTemplateFormatVersion"]);
        let text = read(&[("b.json", template)]).0.unwrap_err().to_string();
        assert!(text.contains("b.json: a CloudFormation template"), "{text}");
    }

    #[test]
    fn nothing_known_is_an_error() {
        let (gathered, _) = read(&[("a.json", r#"{"x": [1]}"#)]);
        assert!(gathered.unwrap_err().to_string().contains("no describe-* dump in it"));
    }
}
