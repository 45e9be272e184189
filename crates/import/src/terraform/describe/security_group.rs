//! Security groups and the VPCs that they serve.

use serde_json::Value;

use super::objects::fields;
use super::{Describer, vpc};
use crate::Error;
use crate::dump::Key;

/// The types of resources that are groups.
pub(super) const GROUPS: [&str; 2] = ["aws_security_group", "aws_default_security_group"];

/// Describes them without their rules. A group that is only looked up shows none, so what has it is told of that.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    for group in to.source.managed(&GROUPS) {
        let mut described = group.fields_named(&[("vpc_id", "VpcId"), ("owner_id", "OwnerId")], group.text("name")?);
        if !described.contains_key("VpcId") {
            described.insert("VpcId".to_owned(), Value::from(vpc::default_vpc(to)?));
        }
        if &*group.resource.kind == "aws_default_security_group" {
            described.insert("GroupName".to_owned(), Value::from("default"));
        }
        to.objects.add(Key::SecurityGroups, &group.id()?, described, group.address());
    }
    for group in to.source.all(&GROUPS) {
        if let Some(name) = group.text("name")? {
            to.groups.entry(name).or_insert(group.id()?);
        }
    }
    for association in to.source.managed(&["aws_vpc_security_group_vpc_association"]) {
        let group = to.objects.id(Key::SecurityGroups, &association.required("security_group_id")?);
        let described =
            fields([("VpcId", Value::from(association.required("vpc_id")?)), ("State", Value::from("associated"))]);
        to.objects.add_further(Key::SecurityGroupVpcAssociations, &group, described, association.address());
    }
    Ok(())
}

/// The id of a group as it is written: of another account's, the account comes first.
pub(super) fn named(text: &str, to: &Describer<'_>) -> String {
    let id = match text.split_once('/') {
        Some((account, id)) if !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit()) => id,
        _ => text,
    };
    to.objects.id(Key::SecurityGroups, id)
}

/// Groups as an instance names them, by id or, in the default VPC, by name.
pub(super) fn by_name(text: &str, to: &Describer<'_>) -> String {
    let id = named(text, to);
    let by_name = to.groups.get(text).filter(|_| !to.objects.has(Key::SecurityGroups, &id));
    by_name.cloned().unwrap_or(id)
}
