//! Prefix lists: customers' ones, and those of AWS as far as data sources and gateway endpoints tell.

use serde_json::{Value, json};

use super::Describer;
use super::objects::{append, fields};
use super::source::{Described, first_text, texts};
use crate::Error;
use crate::dump::Key;

/// Describes them.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    for list in to.source.all(&["aws_ec2_managed_prefix_list"]) {
        let mut blocks = Vec::new();
        // A data source calls them otherwise, and only it has those that nobody wrote.
        for entries in ["entry", "entries"] {
            for entry in list.node().list(entries)? {
                blocks.extend(entry.text("cidr")?);
            }
        }
        add(&list.id()?, list.text("name")?, blocks, list, to);
    }
    for entry in to.source.managed(&["aws_ec2_managed_prefix_list_entry"]) {
        let (list, block) = (entry.required("prefix_list_id")?, entry.required("cidr")?);
        match to.objects.object_mut(Key::PrefixLists, &list) {
            // A state repeats it in the list, which the reader of lists knows to take once.
            Some(described) => append(described, "Cidrs", block),
            None => to.unknown(entry, &list),
        }
    }
    for list in to.source.data(&["aws_prefix_list"]) {
        let id = first_text(&list.node(), &["id", "prefix_list_id"])?.ok_or_else(|| list.node().missing("id"))?;
        add(&id, list.text("name")?, texts(&list.node(), "cidr_blocks")?, list, to);
    }
    of_endpoints(to)
}

/// A gateway endpoint shows the list of its service. Before it is there, the list is the one with the name of the service,
/// or one that is called by the attribute.
fn of_endpoints(to: &mut Describer<'_>) -> Result<(), Error> {
    for endpoint in to.source.all(&["aws_vpc_endpoint"]) {
        let known = endpoint.text("prefix_list_id")?;
        let kind = endpoint.node().state("vpc_endpoint_type")?;
        if known.is_none() && !matches!(kind.as_deref(), None | Some("gateway")) {
            continue;
        }
        let (service, made) = (endpoint.text("service_name")?, endpoint.address_of("prefix_list_id"));
        let id = match known {
            Some(known) => known,
            None => named(service.as_deref(), to).unwrap_or_else(|| made.clone()),
        };
        add(&id, service, texts(&endpoint.node(), "cidr_blocks")?, endpoint, to);
        for name in [made, endpoint.id()?] {
            to.objects.name(Key::PrefixLists, &name, &id);
        }
    }
    Ok(())
}

/// The list with this name.
fn named(name: Option<&str>, to: &Describer<'_>) -> Option<String> {
    let lists = to.objects.ids(Key::PrefixLists);
    lists.into_iter().find(|list| name.is_some() && to.objects.text(Key::PrefixLists, list, "PrefixListName") == name)
}

fn add(id: &str, name: Option<String>, blocks: Vec<String>, from: Described<'_>, to: &mut Describer<'_>) {
    let mut described = fields([("PrefixListName", Value::from(name))]);
    // A list that is known to be empty is not the same as one whose blocks nobody knows.
    if !blocks.is_empty() || &*from.resource.kind == "aws_ec2_managed_prefix_list" {
        described.insert("Cidrs".to_owned(), json!(blocks));
    }
    if !to.objects.add(Key::PrefixLists, id, described, from.address())
        && let Some(known) = to.objects.object_mut(Key::PrefixLists, id)
    {
        blocks.into_iter().for_each(|block| append(known, "Cidrs", block));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::terraform::describe::testing::{codes, ignored, network, resource};

    #[test]
    fn lists_have_their_entries_wherever_they_are_written() {
        let corp = json!({"id": "pl-1", "name": "corp", "entry": [{"cidr": "192.0.2.0/25", "description": "hq"}]});
        let own = |list: &str, cidr: &str| json!({"prefix_list_id": list, "cidr": cidr});
        let (network, notes) = network(&[
            resource("aws_ec2_managed_prefix_list.corp", corp),
            resource("aws_ec2_managed_prefix_list_entry.a", own("pl-1", "192.0.2.128/27")),
            resource("aws_ec2_managed_prefix_list_entry.b", own("pl-1", "192.0.2.0/25")),
            resource("aws_ec2_managed_prefix_list_entry.lost", own("pl-9", "192.0.2.0/25")),
            resource(
                "data.aws_ec2_managed_prefix_list.s3",
                json!({"id": "pl-2", "name": "s3", "entries": [{"cidr": "52.0.0.0/8"}]}),
            ),
            resource(
                "data.aws_prefix_list.dynamodb",
                json!({"id": "pl-3", "name": "dynamodb", "cidr_blocks": ["3.0.0.0/8"]}),
            ),
            resource(
                "aws_vpc_endpoint.s3",
                json!({"vpc_id": "vpc-9", "prefix_list_id": "pl-2", "cidr_blocks": ["52.0.0.0/8", "54.0.0.0/8"], "service_name": "s3"}),
            ),
        ]);
        let lists: Vec<_> = network
            .prefix_lists
            .iter()
            .map(|it| (it.id.as_str(), it.name.as_deref().unwrap(), it.entries.len()))
            .collect();
        assert_eq!(lists, [("pl-1", "corp", 2), ("pl-2", "s3", 2), ("pl-3", "dynamodb", 1)]);
        assert_eq!(codes(&notes), [] as [&str; 0]);
        assert_eq!(ignored(&notes)[0], "aws_ec2_managed_prefix_list_entry.lost");
    }
}
