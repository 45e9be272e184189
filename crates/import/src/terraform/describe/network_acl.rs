//! Network ACLs, their entries and the subnets that they stand at.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::Describer;
use super::objects::{Fields, append, fields, placed};
use super::source::first_text;
use crate::Error;
use crate::dump::Key;
use crate::node::Node;

/// Describes them; those that AWS makes are described already, without entries where somebody has taken them over.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    for acl in to.source.managed(&ACLS) {
        let mut described = acl.fields(&[("vpc_id", "VpcId"), ("owner_id", "OwnerId")]);
        if &*acl.resource.kind == "aws_default_network_acl" {
            described.insert("IsDefault".to_owned(), Value::from(true));
        }
        to.objects.add(Key::NetworkAcls, &acl.id()?, described, acl.address());
    }
    associations(to)?;
    entries(to)
}

const ACLS: [&str; 2] = ["aws_network_acl", "aws_default_network_acl"];

/// An association with its own resource goes before what the ACL itself lists, which may be older.
fn associations(to: &mut Describer<'_>) -> Result<(), Error> {
    let mut associated = HashSet::new();
    for association in to.source.managed(&["aws_network_acl_association"]) {
        let (named, subnet) = (association.required("network_acl_id")?, association.required("subnet_id")?);
        let acl = to.objects.id(Key::NetworkAcls, &named);
        let of = fields([("SubnetId", Value::from(subnet.as_str()))]);
        if to.objects.append(Key::NetworkAcls, &acl, "Associations", of, association.address()) {
            associated.insert(subnet);
        } else {
            to.unknown(association, &acl);
        }
    }
    for acl in to.source.managed(&ACLS) {
        let id = acl.id()?;
        for subnet in acl.texts("subnet_ids")? {
            if associated.insert(subnet.clone()) {
                let of = fields([("SubnetId", Value::from(subnet))]);
                to.objects.append(Key::NetworkAcls, &id, "Associations", of, acl.address());
            }
        }
    }
    Ok(())
}

/// Which entry it is: an ACL has one of each number and direction.
type Number = (String, bool);

fn entries(to: &mut Describer<'_>) -> Result<(), Error> {
    let mut own: HashMap<String, HashSet<Number>> = HashMap::new();
    for rule in to.source.managed(&["aws_network_acl_rule"]) {
        let acl = to.objects.id(Key::NetworkAcls, &rule.required("network_acl_id")?);
        let egress = rule.node().flag("egress")?.unwrap_or(false);
        let (number, entry) = entry(&rule.node(), egress)?;
        let Some(described) = to.objects.object_mut(Key::NetworkAcls, &acl) else {
            to.unknown(rule, &acl);
            continue;
        };
        append(described, "Entries", entry);
        own.entry(acl).or_default().insert((number, egress));
    }
    for acl in to.source.managed(&ACLS) {
        let id = acl.id()?;
        for (list, egress) in [("ingress", false), ("egress", true)] {
            for rule in acl.node().list(list)? {
                let (number, entry) = entry(&rule, egress)?;
                // A state repeats the entries that have their own resource in the ACL.
                let repeated = own.get(&id).is_some_and(|own| own.contains(&(number, egress)));
                if let Some(described) = to.objects.object_mut(Key::NetworkAcls, &id).filter(|_| !repeated) {
                    append(described, "Entries", entry);
                }
            }
        }
    }
    Ok(())
}

/// One entry with its number, from either form: they call number and action differently.
fn entry(rule: &Node<'_>, egress: bool) -> Result<(String, Fields), Error> {
    let number = first_text(rule, &["rule_number", "rule_no"])?.ok_or_else(|| rule.missing("rule_number"))?;
    let mut entry = fields([
        ("RuleNumber", Value::from(number.as_str())),
        ("Egress", Value::from(egress)),
        ("RuleAction", Value::from(first_text(rule, &["rule_action", "action"])?)),
        ("Protocol", Value::from(rule.text("protocol")?)),
        ("CidrBlock", Value::from(rule.text("cidr_block")?)),
        ("Ipv6CidrBlock", Value::from(rule.text("ipv6_cidr_block")?)),
        ("PortRange", json!({"From": rule.text("from_port")?, "To": rule.text("to_port")?})),
    ]);
    let icmp = (rule.text("icmp_type")?, rule.text("icmp_code")?);
    if icmp != (None, None) {
        entry.insert("IcmpTypeCode".to_owned(), json!({"Type": icmp.0, "Code": icmp.1}));
    }
    Ok((number, placed(entry, &rule.path)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vpcemu_model::{AclEntry, Network};

    use crate::terraform::describe::testing::{codes, ignored, network, resource, vpc_and_subnet};
    use crate::terraform::resource::Resource;

    fn with(more: impl IntoIterator<Item = Resource>) -> (Network, crate::notes::Notes) {
        let mut resources = vpc_and_subnet();
        resources.extend(more);
        network(&resources)
    }

    fn lines(entries: &[AclEntry]) -> Vec<String> {
        let line = |it: &AclEntry| format!("{} {:?} {} {} {}", it.number, it.action, it.protocol, it.ports, it.cidr);
        entries.iter().map(line).collect()
    }

    fn rule(number: u16, over: Value) -> Value {
        let mut rule = json!({"rule_no": number, "action": "allow", "protocol": "tcp", "cidr_block": "0.0.0.0/0", "ipv6_cidr_block": "",
            "from_port": 80, "to_port": 81, "icmp_type": 0, "icmp_code": 0});
        rule.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        rule
    }

    #[test]
    fn the_default_acl_allows_all_until_somebody_takes_it_over() {
        let (network, notes) = with([]);
        let [acl] = &network.network_acls[..] else { panic!() };
        assert_eq!(acl.id.as_str(), "aws_vpc.main.default_network_acl_id");
        let all = ["100 Allow all all 0.0.0.0/0", "101 Allow all all ::/0"];
        assert_eq!(
            (lines(&acl.ingress), lines(&acl.egress)),
            (all.map(str::to_owned).to_vec(), all.map(str::to_owned).to_vec())
        );
        assert_eq!(acl.ingress[0].origin.to_string(), "main.json: aws_vpc.main.default_network_acl_id");
        assert_eq!((network.subnets[0].network_acl.clone(), codes(&notes)), (acl.id.clone(), vec![]));

        let taken = json!({"default_network_acl_id": "aws_vpc.main", "ingress": [rule(100, json!({}))]});
        let (network, _) = with([resource("aws_default_network_acl.it", taken)]);
        let [acl] = &network.network_acls[..] else { panic!() };
        assert_eq!((acl.id.as_str(), acl.ingress.len(), acl.egress.len()), ("aws_default_network_acl.it", 1, 0));
        assert_eq!(network.vpcs[0].default_network_acl, acl.id);
    }

    #[test]
    fn entries_are_written_in_two_forms() {
        let acl = json!({"vpc_id": "aws_vpc.main", "subnet_ids": ["aws_subnet.a"],
            "ingress": [rule(100, json!({})), rule(90, json!({"protocol": "-1", "from_port": 0, "to_port": 0, "action": "DENY"})),
                rule(110, json!({"protocol": "all", "cidr_block": "", "ipv6_cidr_block": "::/0"})),
                rule(120, json!({"protocol": "1", "icmp_type": 3, "icmp_code": -1}))],
            "egress": [rule(100, json!({"protocol": "17"}))]});
        let own = json!({"network_acl_id": "aws_network_acl.it", "rule_number": 100, "egress": true, "protocol": "17", "rule_action": "deny",
            "cidr_block": "10.0.0.0/8", "ipv6_cidr_block": null, "from_port": 53, "to_port": 53, "icmp_type": null});
        let lost = json!({"network_acl_id": "acl-9", "rule_number": 100, "egress": true, "protocol": "17", "rule_action": "deny"});
        let (network, notes) = with([
            resource("aws_network_acl.it", acl),
            resource("aws_network_acl_rule.own", own),
            resource("aws_network_acl_rule.lost", lost),
        ]);
        let acl = network.network_acls.iter().find(|it| it.id.as_str() == "aws_network_acl.it").unwrap();
        assert_eq!(network.subnets[0].network_acl, acl.id);
        assert_eq!(
            lines(&acl.ingress),
            [
                "90 Deny all all 0.0.0.0/0",
                "100 Allow tcp 80-81 0.0.0.0/0",
                "110 Allow all all ::/0",
                "120 Allow icmp type 3 0.0.0.0/0"
            ]
        );
        assert_eq!(acl.ingress[0].origin.path.as_deref(), Some("aws_network_acl.it.ingress[1]"));
        // The state's copy of it is of another time.
        assert_eq!(lines(&acl.egress), ["100 Deny udp 53 10.0.0.0/8"]);
        assert_eq!(acl.egress[0].origin.path.as_deref(), Some("aws_network_acl_rule.own"));
        assert_eq!((codes(&notes), ignored(&notes)), (vec![], vec!["aws_network_acl_rule.lost"]));
    }

    #[test]
    fn an_association_of_its_own_goes_first() {
        let acl = |subnets: Value| json!({"vpc_id": "aws_vpc.main", "subnet_ids": subnets});
        let association = |acl: &str| json!({"network_acl_id": acl, "subnet_id": "aws_subnet.a"});
        let (network, notes) = with([
            resource("aws_network_acl.a", acl(json!(["aws_subnet.a"]))),
            resource("aws_network_acl.b", acl(json!([]))),
            resource("aws_network_acl_association.b", association("aws_network_acl.b")),
            resource("aws_network_acl_association.lost", association("acl-9")),
        ]);
        assert_eq!(network.subnets[0].network_acl.as_str(), "aws_network_acl.b");
        assert_eq!(ignored(&notes), ["aws_network_acl_association.lost"]);
    }

    #[test]
    fn an_impossible_entry_is_an_error_at_its_attribute() {
        let acl = resource("aws_network_acl.it", json!({"vpc_id": "aws_vpc.main", "ingress": [{"action": "allow"}]}));
        let error = crate::terraform::describe::dump(&[acl], &"a.json".into(), &mut crate::notes::Notes::default());
        assert_eq!(error.unwrap_err().to_string(), "a.json: aws_network_acl.it.ingress[0]: no rule_number");
    }
}
