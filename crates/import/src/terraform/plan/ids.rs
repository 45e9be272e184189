//! Ids that AWS makes together with something else.

use std::collections::HashMap;

use serde_json::Value;

use super::{Instance, Plan};
use crate::terraform::kinds::targets;

/// The id under an attribute that no configuration sets: that of what AWS makes with the resource.
pub(super) fn derived(instance: &Instance, attribute: &str) -> Option<String> {
    let attribute = match attribute {
        // They are one until an association says otherwise.
        "main_route_table_id" => "default_route_table_id",
        other => other,
    };
    (!targets(attribute).is_empty()).then(|| format!("{}.{attribute}", instance.text))
}

/// What a VPC is made with: its attribute, the type that takes it over, and what that says of which it is.
const DEFAULTS: [(&str, &str, &str); 3] = [
    ("default_route_table_id", "aws_default_route_table", "default_route_table_id"),
    ("default_network_acl_id", "aws_default_network_acl", "default_network_acl_id"),
    ("default_security_group_id", "aws_default_security_group", "vpc_id"),
];

/// Gives VPCs the ids of what is made with them, and `aws_default_*` resources the ids of what they take over, as a state has
/// them.
pub(super) fn link(plan: &mut Plan<'_>) {
    let mut vpcs = HashMap::new();
    for vpc in plan.instances.iter_mut().filter(|it| matches!(it.kind(), "aws_vpc" | "aws_default_vpc")) {
        for (attribute, ..) in DEFAULTS {
            if vpc.text_of(attribute).is_none() && vpc.made {
                let id = derived(vpc, attribute).unwrap_or_default();
                vpc.values.insert(attribute.to_owned(), Value::from(id));
            }
            let Some(id) = vpc.text_of(attribute).map(str::to_owned) else { continue };
            if attribute == "default_route_table_id" && vpc.made && vpc.text_of("main_route_table_id").is_none() {
                vpc.values.insert("main_route_table_id".to_owned(), Value::from(id.clone()));
            }
            vpcs.insert((vpc.id.clone(), attribute), id);
        }
    }
    let mut renamed = HashMap::new();
    for instance in plan.instances.iter_mut().filter(|it| it.made) {
        let Some((attribute, _, says)) = DEFAULTS.iter().find(|(_, kind, _)| *kind == instance.kind()) else {
            continue;
        };
        let Some(said) = instance.text_of(says).map(str::to_owned) else { continue };
        let taken = if *says == "vpc_id" { vpcs.get(&(said, *attribute)).cloned() } else { Some(said) };
        if let Some(taken) = taken {
            renamed.insert(instance.id.clone(), taken.clone());
            instance.id = taken;
        }
    }
    if !renamed.is_empty() {
        for instance in &mut plan.instances {
            instance.values.values_mut().for_each(|value| rename(value, &renamed));
        }
    }
}

fn rename(value: &mut Value, renamed: &HashMap<String, String>) {
    match value {
        Value::String(text) => {
            if let Some(id) = renamed.get(text) {
                id.clone_into(text);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rename(value, renamed)),
        Value::Object(map) => map.values_mut().for_each(|value| rename(value, renamed)),
        _ => {}
    }
}
