//! Resources as the `describe-*` calls would answer once they exist.
//!
//! Each object says by its Terraform address where it was defined, rules and routes those of their own resources or blocks.

mod objects;
mod source;
mod vpc;

use std::sync::Arc;

use crate::Error;
use crate::dump::Dump;
use crate::notes::Notes;
use crate::terraform::resource::Resource;

use objects::Objects;
use source::Source;

/// Describes resources of one document. Errors name the address and attribute whose value cannot be.
pub(crate) fn dump(resources: &[Resource], file: &Arc<str>, notes: &mut Notes) -> Result<Dump, Error> {
    let mut describer = Describer { source: Source::new(resources, file), objects: Objects::default() };
    vpc::describe(&mut describer)?;
    Ok(describer.objects.into_dump(file, notes))
}

/// What there is, and what was described of it.
#[derive(Debug)]
struct Describer<'a> {
    source: Source<'a>,
    objects: Objects,
}

/// What the tests of the modules share.
#[cfg(test)]
mod testing {
    use serde_json::Value;
    use vpcemu_model::Network;

    use super::*;
    use crate::terraform::resource::Mode;

    /// A managed resource of the root module; its id is its address, unless it says otherwise.
    pub(super) fn resource(address: &str, values: Value) -> Resource {
        let Value::Object(mut values) = values else { panic!("{address} has no attributes") };
        let (mode, rest) = match address.strip_prefix("data.") {
            Some(rest) => (Mode::Data, rest),
            None => (Mode::Managed, address),
        };
        let (kind, name) = rest.split_once('.').unwrap();
        values.entry("id").or_insert_with(|| Value::from(address));
        let (module, index) = (Arc::from(""), None);
        Resource { address: address.into(), module, mode, kind: kind.into(), name: name.into(), index, values }
    }

    /// The network of resources, and what was noted.
    pub(super) fn network(resources: &[Resource]) -> (Network, Notes) {
        let mut notes = Notes::default();
        let dump = dump(resources, &Arc::from("main.json"), &mut notes).unwrap();
        let network = crate::build::network(&dump, &mut notes).unwrap();
        (network, notes)
    }
}
