//! What AWS makes with every VPC: a main route table, a network ACL that allows all, a security group whose members reach
//! each other and everything. Terraform shows none of it unless somebody takes it over.

use serde_json::{Value, json};

use super::objects::{fields, placed};
use super::source::{Described, first_text};
use super::vpc::VPCS;
use super::{Describer, Fields, vpc};
use crate::Error;
use crate::codes;
use crate::dump::Key;

/// Something that is made with a VPC.
struct Kind {
    key: Key,
    /// The attributes of the VPC that have its id; what takes it over has the first one too.
    attributes: &'static [&'static str],
    /// The type of the resource that takes it over.
    taken_over: &'static str,
    /// What nobody knows of one that is made elsewhere, and what says so.
    content: &'static str,
    unknown: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind {
        key: Key::RouteTables,
        attributes: &["default_route_table_id", "main_route_table_id"],
        taken_over: "aws_default_route_table",
        content: "routes",
        unknown: codes::UNKNOWN_MAIN_ROUTE_TABLE,
    },
    Kind {
        key: Key::NetworkAcls,
        attributes: &["default_network_acl_id"],
        taken_over: "aws_default_network_acl",
        content: "entries",
        unknown: codes::UNKNOWN_DEFAULT_NETWORK_ACL,
    },
    Kind {
        key: Key::SecurityGroups,
        attributes: &["default_security_group_id"],
        taken_over: "aws_default_security_group",
        content: "rules",
        unknown: codes::UNKNOWN_DEFAULT_SECURITY_GROUP,
    },
];

/// Describes them, as AWS makes them or without rules and routes where those are written elsewhere.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    for vpc in to.source.all(&VPCS) {
        for kind in &KINDS {
            describe_one(kind, vpc, to)?;
        }
    }
    Ok(())
}

fn describe_one(kind: &Kind, vpc: Described<'_>, to: &mut Describer<'_>) -> Result<(), Error> {
    let of = vpc.id()?;
    if to.made.contains_key(&(kind.key, of.clone())) {
        return Ok(());
    }
    let known = first_text(&vpc.node(), kind.attributes)?;
    let mut names = vec![of.clone(), vpc.address().to_owned()];
    names.extend(kind.attributes.iter().map(|attribute| vpc.address_of(attribute)));
    names.extend(known.clone());
    let taken = taken_over(kind, &of, &names, to)?;
    let id = match (&taken, known) {
        (Some(taken), _) => taken.id()?,
        (None, Some(known)) => known,
        (None, None) if vpc.is_data() => match looked_up(kind, &of, to)? {
            Some(known) => known,
            // Nobody knows anything of it.
            None => return Ok(()),
        },
        (None, None) => vpc.address_of(kind.attributes[0]),
    };
    let (place, mut described) = match taken {
        Some(taken) => (taken.address().to_owned(), taken.fields(&[])),
        None => {
            let place = vpc.address_of(kind.attributes[0]);
            (place.clone(), as_made(kind, &id, &place))
        }
    };
    described.extend(fields([("VpcId", Value::from(of.as_str()))]));
    match kind.key {
        Key::NetworkAcls => described.insert("IsDefault".to_owned(), Value::from(true)),
        Key::SecurityGroups => described.insert("GroupName".to_owned(), Value::from("default")),
        _ => None,
    };
    if taken.is_none() && vpc.is_data() {
        note_looked_up(kind, &id, &of, to)?;
    }
    to.objects.add(kind.key, &id, described, &place);
    for name in names {
        to.objects.name(kind.key, &name, &id);
    }
    to.made.insert((kind.key, of), id);
    Ok(())
}

/// The resource that takes it over: by the attribute that names it, by its id, or by its VPC.
fn taken_over<'a>(
    kind: &Kind,
    vpc: &str,
    names: &[String],
    to: &Describer<'a>,
) -> Result<Option<Described<'a>>, Error> {
    for resource in to.source.managed(&[kind.taken_over]) {
        let named = resource.text(kind.attributes[0])?;
        let by_name = named.is_some_and(|named| names.contains(&named)) || names.contains(&resource.id()?);
        let of = match resource.text("vpc_id")? {
            None if kind.key == Key::SecurityGroups => vpc::default_vpc(to)?,
            of => of,
        };
        if by_name || of.as_deref() == Some(vpc) {
            return Ok(Some(resource));
        }
    }
    Ok(None)
}

/// The default group of a VPC that is made elsewhere, where somebody asked for it by its name.
fn looked_up(kind: &Kind, vpc: &str, to: &Describer<'_>) -> Result<Option<String>, Error> {
    if kind.key == Key::SecurityGroups {
        for group in to.source.data(&["aws_security_group"]) {
            let is_default = group.text("name")?.as_deref() == Some("default");
            if is_default && group.text("vpc_id")?.as_deref() == Some(vpc) {
                return group.id().map(Some);
            }
        }
    }
    Ok(None)
}

/// What is made elsewhere may have been changed there, and only a data source of it would say so.
fn note_looked_up(kind: &Kind, id: &str, vpc: &str, to: &mut Describer<'_>) -> Result<(), Error> {
    for table in to.source.data(&["aws_route_table"]) {
        if kind.key == Key::RouteTables && table.id()? == id {
            return Ok(());
        }
    }
    let text = format!("the {} of {id} were not read: it is as AWS makes it with {vpc}", kind.content);
    to.notes.assume(kind.unknown, vpc, text);
    Ok(())
}

/// The fields of what nobody has touched.
fn as_made(kind: &Kind, id: &str, place: &str) -> Fields {
    let everywhere = [("IpRanges", "CidrIp", "0.0.0.0/0"), ("Ipv6Ranges", "CidrIpv6", "::/0")];
    match kind.key {
        Key::NetworkAcls => {
            let entry = |number: u16, egress: bool, field: &str, block: &str| {
                let entry = fields([
                    ("RuleNumber", Value::from(number)),
                    ("Egress", Value::from(egress)),
                    ("Protocol", Value::from("-1")),
                    ("RuleAction", Value::from("allow")),
                    (field, Value::from(block)),
                ]);
                Value::from(placed(entry, place))
            };
            let both =
                |egress| [entry(100, egress, "CidrBlock", "0.0.0.0/0"), entry(101, egress, "Ipv6CidrBlock", "::/0")];
            fields([("Entries", Value::from([both(false), both(true)].concat()))])
        }
        Key::SecurityGroups => {
            let peer = |field: &str, peer: &str| json!([placed(fields([(field, Value::from(peer))]), place)]);
            let members = json!([{"IpProtocol": "-1", "UserIdGroupPairs": peer("GroupId", id)}]);
            let mut all = fields([("IpProtocol", Value::from("-1"))]);
            all.extend(everywhere.map(|(list, field, block)| (list.to_owned(), peer(field, block))));
            fields([("IpPermissions", members), ("IpPermissionsEgress", json!([all]))])
        }
        _ => fields([("Tags", json!([{"Key": "Name", "Value": "main"}]))]),
    }
}
