//! The places in a resource's attributes at which something is unknown.

use serde_json::{Map, Value};

use super::Instance;
use crate::terraform::kinds::{Need, Slot};

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Attribute(String),
    Element(usize),
}

/// Something that is unknown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) parts: Vec<Part>,
    pub(super) what: Unknown,
}

/// How much of it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Unknown {
    /// A single value.
    Value,
    /// A list, with all its elements.
    List,
    /// These elements of a list.
    Elements(Vec<usize>),
    /// The list of blocks that it would be in.
    Blocks,
}

/// The places of a slot that are unknown. What every resource has is unknown wherever it is absent.
pub(super) fn unknown(instance: &Instance, slot: &Slot) -> Vec<Place> {
    let mut found = Vec::new();
    let unknown = instance.unknown.as_object();
    walk(Some(&instance.values), unknown, slot.path, slot.need, &mut Vec::new(), &mut found);
    found
}

fn walk(
    values: Option<&Map<String, Value>>,
    unknown: Option<&Map<String, Value>>,
    path: &str,
    need: Need,
    here: &mut Vec<Part>,
    found: &mut Vec<Place>,
) {
    let (attribute, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let name = attribute.trim_end_matches("[]");
    let value = values.and_then(|map| map.get(name)).filter(|value| !value.is_null());
    let unknown = unknown.and_then(|map| map.get(name));
    let wholly = unknown == Some(&Value::Bool(true));
    here.push(Part::Attribute(name.to_owned()));
    let mut add = |what| found.push(Place { parts: here.clone(), what });
    match (value, rest, attribute.ends_with("[]")) {
        (None, None, false)
            if wholly || need == Need::Required && values.is_some_and(|map| !map.contains_key(name)) =>
        {
            add(Unknown::Value);
        }
        (None, None, true) if wholly => add(Unknown::List),
        (None, Some(_), _) if wholly => add(Unknown::Blocks),
        (Some(Value::Array(elements)), None, true) => {
            let missing: Vec<_> =
                (0..elements.len()).filter(|&at| elements[at].is_null() && flag(unknown, at)).collect();
            if !missing.is_empty() {
                add(Unknown::Elements(missing));
            }
        }
        (Some(Value::Array(blocks)), Some(rest), true) => {
            for (at, block) in blocks.iter().enumerate() {
                here.push(Part::Element(at));
                let unknown = unknown.and_then(|it| it.get(at)).and_then(Value::as_object);
                walk(block.as_object(), unknown, rest, need, here, found);
                here.pop();
            }
        }
        _ => {}
    }
    here.pop();
}

fn flag(unknown: Option<&Value>, at: usize) -> bool {
    unknown.and_then(|it| it.get(at)) == Some(&Value::Bool(true))
}

/// `route[0].nat_gateway_id`.
pub(super) fn shown(parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Attribute(name) if text.is_empty() => text.push_str(name),
            Part::Attribute(name) => text.push_str(&format!(".{name}")),
            Part::Element(at) => text.push_str(&format!("[{at}]")),
        }
    }
    text
}

/// The value at a place, made if it is not there. None if something else is in the way.
pub(crate) fn value_mut<'v>(values: &'v mut Map<String, Value>, parts: &[Part]) -> Option<&'v mut Value> {
    let (Part::Attribute(first), rest) = parts.split_first()? else { return None };
    let mut value = values.entry(first.clone()).or_insert(Value::Null);
    for part in rest {
        value = match (part, value) {
            (Part::Attribute(name), Value::Object(map)) => map.entry(name.clone()).or_insert(Value::Null),
            (Part::Element(at), Value::Array(list)) => list.get_mut(*at)?,
            _ => return None,
        };
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::terraform::kinds::slots;
    use crate::terraform::plan::testing::instance;

    fn places(address: &str, values: Value, unknown: Value) -> Vec<String> {
        let instance = instance(address, values, unknown);
        let slots = slots(instance.kind()).iter().flat_map(|slot| super::unknown(&instance, slot));
        slots.map(|place| format!("{} {:?}", shown(&place.parts), place.what)).collect()
    }

    #[test]
    fn each_shape_of_the_unknown_is_found() {
        let values = json!({"route": [{"cidr_block": "0.0.0.0/0"}, {"nat_gateway_id": null}], "tags": null});
        let unknown = json!({"vpc_id": true, "route": [{"gateway_id": true}, {"nat_gateway_id": true}], "propagating_vgws": true});
        assert_eq!(
            places("aws_route_table.a", values, unknown),
            ["vpc_id Value", "route[0].gateway_id Value", "route[1].nat_gateway_id Value", "propagating_vgws List"]
        );
        let values = json!({"vpc_security_group_ids": [null, "sg-1", null]});
        let unknown =
            json!({"vpc_security_group_ids": [true, false, true], "network_interface": true, "subnet_id": false});
        assert_eq!(
            places("aws_instance.a", values, unknown),
            ["vpc_security_group_ids Elements([0, 2])", "network_interface Blocks"]
        );
        let values = json!({"vpc_id": "vpc-1", "ingress": [{"security_groups": [null], "cidr_blocks": []}]});
        let unknown = json!({"ingress": [{"security_groups": [true]}], "egress": {}});
        assert_eq!(places("aws_security_group.a", values, unknown), ["ingress[0].security_groups Elements([0])"]);
    }

    #[test]
    fn what_every_resource_has_is_unknown_where_it_is_absent() {
        assert_eq!(places("aws_subnet.a", json!({}), Value::Null), ["vpc_id Value"]);
        assert_eq!(places("aws_subnet.a", json!({"vpc_id": "vpc-1"}), json!({"vpc_id": false})), Vec::<String>::new());
    }
}
