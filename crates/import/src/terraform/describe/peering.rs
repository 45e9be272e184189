//! Peering connections, with what accepts them.

use serde_json::Value;

use super::objects::fields;
use super::source::{Described, first_text, renamed};
use super::vpc::{SUBNETS, VPCS};
use super::{Describer, Fields};
use crate::Error;
use crate::codes;
use crate::dump::Key;

/// Describes them.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    for connection in to.source.all(&["aws_vpc_peering_connection"]) {
        let node = connection.node();
        let id = connection.id()?;
        let requester = side(connection, "vpc_id", "region", &[("cidr_block", "CidrBlock")], to)?;
        let accepter = side(connection, "peer_vpc_id", "peer_region", &[("peer_cidr_block", "CidrBlock")], to)?;
        // A data source calls it otherwise.
        let status = first_text(&node, &["accept_status", "status"])?;
        add(connection, &id, requester, accepter, status, to)?;
    }
    for accepter in to.source.managed(&["aws_vpc_peering_connection_accepter"]) {
        let id = accepter.required("vpc_peering_connection_id")?;
        if !to.objects.has(Key::VpcPeeringConnections, &id) {
            // The requester is somebody else; here its VPC is the peer.
            let requester = side(accepter, "peer_vpc_id", "peer_region", &[], to)?;
            let own = side(accepter, "vpc_id", "region", &[], to)?;
            add(accepter, &id, requester, own, accepter.text("accept_status")?, to)?;
        }
    }
    for kind in ["aws_vpc_peering_connection_accepter", "aws_vpc_peering_connection_options"] {
        for other in to.source.managed(&[kind]) {
            let id = other.required("vpc_peering_connection_id")?;
            to.objects.name(Key::VpcPeeringConnections, &other.id()?, &id);
        }
    }
    Ok(())
}

fn add(
    from: Described<'_>,
    id: &str,
    requester: Fields,
    accepter: Fields,
    status: Option<String>,
    to: &mut Describer<'_>,
) -> Result<(), Error> {
    let code = status_of(from, id, status, to)?;
    let mut described = from.fields(&[]);
    described.extend(fields([
        ("Status", Value::from(fields([("Code", Value::from(code))]))),
        ("RequesterVpcInfo", Value::from(requester)),
        ("AccepterVpcInfo", Value::from(accepter)),
    ]));
    to.objects.add(Key::VpcPeeringConnections, id, described, from.address());
    Ok(())
}

/// The status once everything is applied. What is accepted here is active, even where a state was written before that.
fn status_of(from: Described<'_>, id: &str, status: Option<String>, to: &mut Describer<'_>) -> Result<String, Error> {
    let mut accepted = from.node().flag("auto_accept")?.unwrap_or(false);
    for accepter in to.source.managed(&["aws_vpc_peering_connection_accepter"]) {
        let accepts = accepter.node().flag("auto_accept")?.unwrap_or(false)
            || accepter.node().state("accept_status")?.as_deref() == Some("active");
        accepted |= accepts && accepter.text("vpc_peering_connection_id")?.as_deref() == Some(id);
    }
    const PENDING: &str = "pending-acceptance";
    Ok(match status {
        Some(status) if status != PENDING => status,
        _ if accepted => "active".to_owned(),
        Some(pending) => pending,
        None => {
            let text = format!("nothing here accepts {id}: it is taken to be accepted by its peer");
            to.notes.assume(codes::PEERING_ACCEPTANCE, id, text);
            "active".to_owned()
        }
    })
}

/// One side, with what is known of its VPC: the blocks of one that is here are those that it has itself.
fn side(
    connection: Described<'_>,
    vpc: &str,
    region: &str,
    blocks: &[(&str, &str)],
    to: &Describer<'_>,
) -> Result<Fields, Error> {
    let mut described = renamed(&connection.resource.values, blocks);
    let Some(vpc) = connection.text(vpc)? else { return Ok(described) };
    let region = match connection.text(region)? {
        Some(region) => Some(region),
        None => region_of(&vpc, to)?,
    };
    described.extend(fields([("VpcId", Value::from(vpc)), ("Region", Value::from(region))]));
    Ok(described)
}

/// The region that a VPC is in, as it says itself, as its ARN says, or as the zones of its subnets do.
fn region_of(vpc: &str, to: &Describer<'_>) -> Result<Option<String>, Error> {
    for resource in to.source.all(&VPCS) {
        if resource.id()? != vpc {
            continue;
        }
        if let Some(region) = resource.text("region")? {
            return Ok(Some(region));
        }
        // `arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1`
        let arn = resource.text("arn")?;
        if let Some(region) = arn.as_deref().and_then(|arn| arn.split(':').nth(3)).filter(|region| !region.is_empty()) {
            return Ok(Some(region.to_owned()));
        }
    }
    for subnet in to.source.all(&SUBNETS) {
        if subnet.text("vpc_id")?.as_deref() == Some(vpc)
            && let Some(zone) = subnet.text("availability_zone")?
        {
            // `us-east-1a` is of `us-east-1`.
            return Ok(Some(zone.trim_end_matches(|c: char| c.is_ascii_lowercase()).to_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vpcemu_model::{Network, Target};

    use crate::codes;
    use crate::notes::Notes;
    use crate::terraform::describe::testing::{codes, ignored, network, resource, vpc_and_subnet};
    use crate::terraform::resource::Resource;

    fn with(connection: Value, more: impl IntoIterator<Item = Resource>) -> (Network, Notes) {
        let mut all = json!({"vpc_id": "aws_vpc.main", "peer_vpc_id": "vpc-9"});
        all.as_object_mut().unwrap().extend(connection.as_object().unwrap().clone());
        let mut resources = vpc_and_subnet();
        resources.push(resource("aws_vpc_peering_connection.it", all));
        resources.extend(more);
        network(&resources)
    }

    #[test]
    fn a_connection_is_active_when_it_is_accepted() {
        let accepter = |over: Value| {
            let mut accepter = json!({"vpc_peering_connection_id": "aws_vpc_peering_connection.it", "vpc_id": "vpc-9"});
            accepter.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
            resource("aws_vpc_peering_connection_accepter.it", accepter)
        };
        let active = |connection: Value, more: Vec<Resource>| {
            let (network, notes) = with(connection, more);
            (network.vpc_peering_connections[0].active, codes(&notes) == [codes::PEERING_ACCEPTANCE])
        };
        assert_eq!(active(json!({"auto_accept": true}), vec![]), (true, false));
        assert_eq!(active(json!({"accept_status": "active"}), vec![]), (true, false));
        let pending = json!({"accept_status": "pending-acceptance"});
        assert_eq!(active(pending.clone(), vec![]), (false, false));
        assert_eq!(active(pending, vec![accepter(json!({"accept_status": "active"}))]), (true, false));
        assert_eq!(active(json!({}), vec![accepter(json!({"auto_accept": true}))]), (true, false));
        assert_eq!(active(json!({}), vec![]), (true, true));
    }

    #[test]
    fn what_accepts_or_sets_a_connection_is_another_name_for_it() {
        let of = json!({"vpc_peering_connection_id": "aws_vpc_peering_connection.it", "auto_accept": true});
        let route = |named: &str| {
            let route = json!({"route_table_id": "aws_vpc.main", "destination_cidr_block": "10.9.0.0/16", "vpc_peering_connection_id": named});
            resource("aws_route.it", route)
        };
        for named in ["aws_vpc_peering_connection_accepter.it", "aws_vpc_peering_connection_options.it"] {
            let (network, _) = with(json!({"auto_accept": true}), [resource(named, of.clone()), route(named)]);
            let target = &network.route_tables[0].routes[0].target;
            assert_eq!(*target, Target::VpcPeeringConnection("aws_vpc_peering_connection.it".into()));
        }
    }

    #[test]
    fn a_side_is_known_by_its_vpc_and_region() {
        let inter_region = |over| with(over, []).0.vpc_peering_connections[0].inter_region;
        assert!(inter_region(json!({"peer_region": "eu-west-1"})));
        assert!(!inter_region(json!({"peer_region": "us-east-1"})));
        assert!(!inter_region(json!({})));
        let accepter = json!({"vpc_peering_connection_id": "pcx-1", "vpc_id": "aws_vpc.main", "peer_vpc_id": "vpc-8",
            "peer_region": "eu-west-1", "accept_status": "active"});
        let data = json!({"id": "pcx-2", "vpc_id": "vpc-7", "peer_vpc_id": "aws_vpc.main", "cidr_block": "10.7.0.0/16",
            "peer_cidr_block": "10.0.0.0/16", "status": "active"});
        let (network, notes) = with(
            json!({"auto_accept": true}),
            [
                resource("aws_vpc_peering_connection_accepter.theirs", accepter),
                resource("data.aws_vpc_peering_connection.other", data),
            ],
        );
        let sides = network.vpc_peering_connections.iter().map(|it| {
            let (requester, accepter) = (&it.requester, &it.accepter);
            format!("{} {} {} {}", it.id, requester.vpc, accepter.vpc, requester.cidrs.len())
        });
        let expected = [
            "aws_vpc_peering_connection.it aws_vpc.main vpc-9 0",
            "pcx-2 vpc-7 aws_vpc.main 1",
            "pcx-1 vpc-8 aws_vpc.main 0",
        ];
        assert_eq!(sides.collect::<Vec<_>>(), expected);
        assert!(network.vpc_peering_connections[2].inter_region);
        assert_eq!((codes(&notes), ignored(&notes)), (vec![], vec![]));
    }
}
