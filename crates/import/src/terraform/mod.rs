//! Terraform, as its JSON says it: plans, states and raw state files.
//!
//! A document becomes [`resource::Resource`]s whose attributes are all known, as a state has them; a plan's references are
//! resolved on the way. Those are then described as the AWS API would describe them after `apply`, and what reads dumps
//! reads that: there is one meaning of a route table, whatever it was written in.

mod address;
mod bind;
pub(crate) mod describe;
mod document;
mod entry;
mod error;
mod find;
mod kinds;
mod plan;
mod recognise;
mod resource;
mod secrets;
mod synthetic;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::dump::Dump;
use crate::notes::Notes;
use crate::{Error, FileReport, KeyCount, Options, text};

use bind::Binds;
use entry::{Census, Entry, Listing, list};
pub use error::{TerraformError, Unresolved};
pub(crate) use find::{Found, find};
pub(crate) use recognise::recognise;
use resource::Resource;
use secrets::Secrets;

/// Which side of a plan: what is there before apply, or after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Side {
    /// The state that the plan was made from.
    Prior,
    /// What is planned.
    #[default]
    Planned,
}

impl Side {
    /// The path without `#prior` or `#planned` at its end, and which of them was there. A file whose whole name ends so is a
    /// file.
    pub fn split(path: &Path) -> (PathBuf, Option<Self>) {
        if let Some(text) = path.to_str()
            && !path.exists()
        {
            for side in [Self::Prior, Self::Planned] {
                if let Some(plain) = text.strip_suffix(&format!("#{}", side.name())) {
                    return (PathBuf::from(plain), Some(side));
                }
            }
        }
        (path.to_owned(), None)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Prior => "prior",
            Self::Planned => "planned",
        }
    }
}

/// Whether a path is a file of Terraform's, even one that cannot be read, or a directory with one. Nothing is reported: what
/// cannot be opened is none.
pub fn is_terraform(path: &Path) -> bool {
    match find(path) {
        Ok(found) => found.is_some(),
        // A directory of several, or of sources only.
        Err(error) => matches!(error, Error::Terraform(_)),
    }
}

/// A document as the API would describe it.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) dump: Dump,
    /// The account of what was in it.
    pub(crate) report: FileReport,
    /// What neither errors nor notes may show.
    pub(crate) secrets: Secrets,
}

/// Describes a file of Terraform's.
pub(crate) fn read(found: &Found, options: &Options, notes: &mut Notes) -> Result<Described, Error> {
    let plain = found.path.display().to_string();
    let file = match options.side {
        Some(side) => format!("{plain}#{}", side.name()),
        None => plain.clone(),
    };
    if let Some((what, next)) = found.what.refusal() {
        let (what, next) = (what.to_owned(), next.to_owned());
        return Err(TerraformError::Refused { file: plain, what, next }.into());
    }
    let text = text::decode(&plain, &found.bytes)?;
    let document = document::parse(&plain, &text)?;
    drop(text);
    let (entries, census) = entries(&plain, &document, options, notes)?;
    drop(document);
    let keys = census.read.iter().map(|(key, count)| KeyCount { key: key.clone(), count: *count });
    let report = FileReport { name: file.clone(), keys: keys.collect() };
    say_unread(&plain, &census, notes);
    let secrets = Secrets::of(&entries);
    let resources: Vec<_> = entries.into_iter().map(Resource::from).collect();
    let dump = describe::dump(&resources, &Arc::from(file), notes).map_err(|error| secrets.kept_from(error))?;
    Ok(Described { dump, report, secrets })
}

fn entries(
    file: &str,
    document: &Map<String, Value>,
    options: &Options,
    notes: &mut Notes,
) -> Result<(Vec<Entry>, Census), TerraformError> {
    check_version(file, document)?;
    let binds = Binds::parse(&options.binds)?;
    let is_plan = ["planned_values", "resource_changes", "prior_state"].iter().any(|key| document.contains_key(*key));
    let side = |why| {
        let side = options.side.unwrap_or_default().name();
        TerraformError::Side { file: file.to_owned(), side, why }
    };
    let (mut entries, census) = match (is_plan, options.side) {
        (true, None | Some(Side::Planned)) => {
            let (entries, census) = plan::read(file, document, &binds, notes)?;
            return has_some(file, entries, census);
        }
        (true, Some(Side::Prior)) => {
            let values = document.get("prior_state").and_then(|state| state.get("values"));
            let values = values.filter(|values| !values.is_null());
            let values = values.ok_or_else(|| {
                side("the plan has no prior state: it makes everything anew, and there is no network before it")
            })?;
            listing(file, |listing| listing.add_values(values, "prior_state.values"))?
        }
        (false, Some(_)) => return Err(side("only a plan has two sides, and this is a state: name it without `#`")),
        (false, None) if document.contains_key("resources") => listing(file, |listing| {
            let resources = list(file, document, "resources", "the document")?;
            resources.iter().enumerate().try_for_each(|(at, it)| listing.add_raw(it, &format!("resources[{at}]")))
        })?,
        (false, None) => listing(file, |listing| match document.get("values") {
            None | Some(Value::Null) => Ok(()),
            Some(values) => listing.add_values(values, "values"),
        })?,
    };
    binds.apply(&mut entries)?;
    has_some(file, entries, census)
}

fn listing<'a>(
    file: &'a str,
    add: impl FnOnce(&mut Listing<'a>) -> Result<(), TerraformError>,
) -> Result<(Vec<Entry>, Census), TerraformError> {
    let mut listing = Listing::new(file);
    add(&mut listing)?;
    listing.check()?;
    Ok((listing.entries, listing.census))
}

/// Major versions of the format: Terraform promises not to break what readers of one rely on.
const FORMATS: [&str; 2] = ["0", "1"];
/// The version of raw states since Terraform 0.12.
const RAW_STATE: u64 = 4;

fn check_version(file: &str, document: &Map<String, Value>) -> Result<(), TerraformError> {
    let refused =
        |what: String, next: &str| TerraformError::Refused { file: file.to_owned(), what, next: next.to_owned() };
    if let Some(version) = document.get("format_version") {
        let major = version.as_str().and_then(|text| text.split('.').next());
        if !major.is_some_and(|major| FORMATS.contains(&major)) {
            let what = format!("format_version: expected 0.1 to 1.x, found {}", version.as_str().unwrap_or("no text"));
            return Err(refused(what, "write it with Terraform 0.12 to 1.x, or with OpenTofu"));
        }
    } else if ["resources", "lineage", "modules", "version"].iter().any(|key| document.contains_key(*key)) {
        // Before version 4 the resources were in modules.
        let version = document.get("version").and_then(Value::as_u64);
        if version != Some(RAW_STATE) {
            let found = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
            let what = format!("version: expected {RAW_STATE} of a raw state, found {found}");
            return Err(refused(
                what,
                "write `terraform show -json > state.json` where its configuration is, and read that",
            ));
        }
    }
    Ok(())
}

fn has_some(file: &str, entries: Vec<Entry>, census: Census) -> Result<(Vec<Entry>, Census), TerraformError> {
    if !entries.is_empty() {
        return Ok((entries, census));
    }
    let counted = |kinds: &std::collections::BTreeMap<String, usize>| {
        kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>()
    };
    let found = [counted(&census.unread), counted(&census.lookups), counted(&census.others)].concat();
    let found = if found.is_empty() { "no resources at all".to_owned() } else { found.join(", ") };
    let next = "expected resources such as aws_vpc and aws_subnet: read the plan or state that makes the network";
    Err(TerraformError::Nothing { file: file.to_owned(), found, next })
}

fn say_unread(file: &str, census: &Census, notes: &mut Notes) {
    let resources = |count: usize| if count == 1 { "1 resource".to_owned() } else { format!("{count} resources") };
    for (kind, count) in &census.unread {
        notes.ignore(kind, file, format!("{} of a type that is not read", resources(*count)));
    }
    for (what, kinds) in [("other providers", &census.others), ("data sources", &census.lookups)] {
        if !kinds.is_empty() {
            let names: Vec<_> = kinds.keys().map(String::as_str).collect();
            let text = format!("{} of types that are not read: {}", resources(kinds.values().sum()), names.join(", "));
            notes.ignore(what, file, text);
        }
    }
    for address in &census.deposed {
        notes.ignore(address, file, "a deposed object of it waits to be destroyed");
    }
}

impl From<Entry> for Resource {
    fn from(entry: Entry) -> Self {
        let Entry { text, address, mut values, sensitive, .. } = entry;
        secrets::drop_names(&mut values, &sensitive);
        values.values_mut().for_each(drop_nulls);
        if values.get("id").and_then(Value::as_str).is_none_or(str::is_empty) {
            values.insert("id".to_owned(), Value::from(&*text));
        }
        let module = address.module().into();
        let address::Address { mode, kind, name, index, .. } = address;
        Self { address: text, module, mode, kind, name, index, values }
    }
}

/// Elements that nothing could resolve.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Array(values) => {
            values.retain(|value| !value.is_null());
            values.iter_mut().for_each(drop_nulls);
        }
        Value::Object(map) => map.values_mut().for_each(drop_nulls),
        _ => {}
    }
}
