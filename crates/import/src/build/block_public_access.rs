//! VPC Block Public Access and what is excepted from it.

use vpcemu_model::{BlockExclusion, BlockMode, ExclusionMode, Id, Network};

use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// Fills the mode and the exclusions, of which those count that AWS has put into force.
pub(super) fn read(dump: &Dump, network: &mut Network, notes: &mut Notes) -> Result<(), Error> {
    let mut excludes = true;
    let mut options = Vec::new();
    for node in dump.nodes(Key::VpcBlockPublicAccessOptions) {
        options.push((mode(&node)?.unwrap_or_default(), node));
    }
    let strictest = options.iter().max_by_key(|(mode, _)| strictness(*mode));
    if let Some((mode, node)) = strictest {
        network.block_public_access.mode = *mode;
        excludes = node.state("ExclusionsAllowed")?.as_deref() != Some("not-allowed");
    }
    for node in dump.nodes(Key::VpcBlockPublicAccessExclusions) {
        if excludes {
            let exclusion = exclusion(&node, dump, network, notes)?;
            network.block_public_access.exclusions.extend(exclusion);
        } else {
            notes.ignore(node.required_id("ExclusionId")?, node.origin(), "the account allows no exclusions");
        }
    }
    if !dump.has(Key::VpcBlockPublicAccessOptions) {
        from_resources(dump, network, notes)?;
    } else if options.iter().any(|(mode, _)| *mode != network.block_public_access.mode) {
        weaker_vpcs(dump, &options, network, notes)?;
    }
    Ok(())
}

/// An account has options in each region. The strictest are the network's; VPCs that have weaker ones are excepted.
fn weaker_vpcs(
    dump: &Dump,
    options: &[(BlockMode, Node<'_>)],
    network: &mut Network,
    notes: &mut Notes,
) -> Result<(), Error> {
    let strictest = network.block_public_access.mode;
    for vpc in dump.nodes(Key::Vpcs) {
        let id = vpc.required_id("VpcId")?;
        if network.vpc(&id).is_none() || network.block_public_access.exclusions.iter().any(|it| it.scope == id) {
            continue;
        }
        let own = match vpc.object("BlockPublicAccessStates")? {
            Some(states) => mode(&states)?,
            None => None,
        };
        let mut of_it = Vec::new();
        for (mode, node) in options {
            if may_be_of(node, &vpc, &id, network)? {
                of_it.push(*mode);
            }
        }
        let mode = own.or_else(|| of_it.iter().copied().max_by_key(|mode| strictness(*mode))).unwrap_or(strictest);
        if own.is_none() && of_it.iter().any(|it| *it != mode) {
            let text = format!("options of several accounts or regions may be those of {id}: the strictest count");
            notes.assume(codes::CONFLICTING_COPIES, &id, text);
        }
        if strictness(mode) < strictness(strictest) {
            let text = format!(
                "options of several accounts or regions: those of {id} are weaker than others, as if it was excluded"
            );
            notes.assume(codes::BLOCK_PUBLIC_ACCESS, &id, text);
            let (allows, origin) = (exclusion_to(mode), vpc.origin());
            network.block_public_access.exclusions.push(BlockExclusion { scope: id, allows, origin });
        }
    }
    Ok(())
}

/// Whether options may be those of a VPC: nothing tells that they are of another account or region.
fn may_be_of(options: &Node<'_>, vpc: &Node<'_>, id: &Id, network: &Network) -> Result<bool, Error> {
    if let (Some(account), Some(owner)) = (options.text("AwsAccountId")?, vpc.text("OwnerId")?)
        && account != owner
    {
        return Ok(false);
    }
    let Some(region) = options.text("AwsRegion")? else { return Ok(true) };
    // Zones are named by their region, with a letter behind it or the name of a city.
    let is_of =
        |zone: &str| zone.strip_prefix(region.as_str()).is_some_and(|it| !it.starts_with(|c: char| c.is_ascii_digit()));
    let zones = network.subnets.iter().filter(|it| it.vpc == *id).map(|it| it.availability_zone.as_str());
    // The id of a zone (`use1-az1`) does not tell.
    let mut named = zones.filter(|zone| zone.matches('-').count() > 1).peekable();
    Ok(named.peek().is_none() || named.any(is_of))
}

/// The exclusion that leaves of a stricter mode what this one is.
fn exclusion_to(mode: BlockMode) -> ExclusionMode {
    if mode == BlockMode::Off { ExclusionMode::AllowBidirectional } else { ExclusionMode::AllowEgress }
}

fn mode(node: &Node<'_>) -> Result<Option<BlockMode>, Error> {
    const FIELD: &str = "InternetGatewayBlockMode";
    Ok(match node.state(FIELD)?.as_deref() {
        None => None,
        Some("off") => Some(BlockMode::Off),
        Some("block-ingress") => Some(BlockMode::BlockIngress),
        Some("block-bidirectional") => Some(BlockMode::BlockBidirectional),
        Some(_) => return Err(node.invalid(FIELD, "off, block-bidirectional or block-ingress")),
    })
}

fn exclusion(
    node: &Node<'_>,
    dump: &Dump,
    network: &Network,
    notes: &mut Notes,
) -> Result<Option<BlockExclusion>, Error> {
    let id = node.required_id("ExclusionId")?;
    if let Some(state) = node.state("State")?
        && !matches!(state.as_str(), "create-complete" | "update-complete")
    {
        notes.ignore(id, node.origin(), format!("its state is {state}"));
        return Ok(None);
    }
    let field = if node.map.contains_key("ExclusionMode") { "ExclusionMode" } else { "InternetGatewayExclusionMode" };
    let allows = match node.state(field)?.as_deref() {
        Some("allow-bidirectional") => ExclusionMode::AllowBidirectional,
        Some("allow-egress") => ExclusionMode::AllowEgress,
        None => return Err(node.missing("InternetGatewayExclusionMode")),
        Some(_) => return Err(node.invalid(field, "allow-bidirectional or allow-egress")),
    };
    let Some(resource) = node.text("ResourceArn")? else { return Err(node.missing("ResourceArn")) };
    let is_known = |id: &Id| network.vpc(id).is_some() || network.subnet(id).is_some();
    // `arn:aws:ec2:us-east-1:123456789012:subnet/subnet-1`, or what is there by that whole name.
    let whole = Id::new(resource.as_str());
    let scope = if is_known(&whole) { whole } else { Id::new(resource.rsplit('/').next().unwrap_or(&resource)) };
    if is_known(&scope) {
        return Ok(Some(BlockExclusion { scope, allows, origin: node.origin() }));
    }
    if !dump.saw(Key::Vpcs, &scope) && !dump.saw(Key::Subnets, &scope) {
        notes.ignore(id, node.origin(), format!("{scope}, which it is of, was not read"));
    }
    Ok(None)
}

/// Without the options, what VPCs and subnets say of themselves: the strictest mode is the account's, and what has a
/// weaker one is taken to be excluded.
fn from_resources(dump: &Dump, network: &mut Network, notes: &mut Notes) -> Result<(), Error> {
    let mut states = Vec::new();
    for (key, field) in [(Key::Vpcs, "VpcId"), (Key::Subnets, "SubnetId")] {
        for node in dump.nodes(key) {
            let Some(of) = node.object("BlockPublicAccessStates")? else { continue };
            if let Some(mode) = mode(&of)? {
                states.push((node.required_id(field)?, mode, node.origin()));
            }
        }
    }
    let known = |id: &Id| network.vpc(id).is_some() || network.subnet(id).is_some();
    states.retain(|(id, _, _)| known(id));
    let Some((id, mode)) = states.iter().map(|(id, mode, _)| (id, *mode)).max_by_key(|(_, mode)| strictness(*mode))
    else {
        return Ok(());
    };
    if mode == BlockMode::Off {
        return Ok(());
    }
    let text = format!("no {}: as {id} tells", Key::VpcBlockPublicAccessOptions.name());
    notes.assume(codes::BLOCK_PUBLIC_ACCESS, id, text);
    network.block_public_access.mode = mode;
    // A dump with the exclusions need not have them guessed.
    if dump.has(Key::VpcBlockPublicAccessExclusions) {
        return Ok(());
    }
    for (scope, own, origin) in states {
        if strictness(own) >= strictness(mode) {
            continue;
        }
        let allows = exclusion_to(own);
        let text = format!("no {}: excluded, by its own word", Key::VpcBlockPublicAccessExclusions.name());
        notes.assume(codes::BLOCK_PUBLIC_ACCESS, &scope, text);
        network.block_public_access.exclusions.push(BlockExclusion { scope, allows, origin });
    }
    Ok(())
}

fn strictness(mode: BlockMode) -> u8 {
    match mode {
        BlockMode::Off => 0,
        BlockMode::BlockIngress => 1,
        BlockMode::BlockBidirectional => 2,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Imported;
    use crate::build::testing::{codes, complete, ignored, import_over, try_import};

    fn options(mode: &str) -> Value {
        json!({"AwsAccountId": "1", "State": "update-complete", "InternetGatewayBlockMode": mode, "ManagedBy": "account"})
    }

    fn exclusion(id: &str, resource: &str, mode: &str, state: &str) -> Value {
        json!({"ExclusionId": id, "ResourceArn": format!("arn:aws:ec2:us-east-1:1:{resource}"), "State": state,
            "InternetGatewayExclusionMode": mode})
    }

    fn shown(imported: &Imported) -> (BlockMode, Vec<(&str, ExclusionMode)>) {
        let access = &imported.network.block_public_access;
        (access.mode, access.exclusions.iter().map(|it| (it.scope.as_str(), it.allows)).collect())
    }

    #[test]
    fn options_and_exclusions_are_read() {
        let imported = import_over(json!({
            "VpcBlockPublicAccessOptions": options("block-bidirectional"),
            "VpcBlockPublicAccessExclusions": [
                exclusion("vpcbpa-exclude-1", "vpc/vpc-1", "allow-egress", "create-complete"),
                exclusion("vpcbpa-exclude-2", "subnet/subnet-1", "allow-bidirectional", "update-complete"),
                exclusion("vpcbpa-exclude-3", "subnet/subnet-1", "allow-egress", "delete-complete"),
                exclusion("vpcbpa-exclude-4", "subnet/subnet-9", "allow-egress", "create-complete"),
            ],
        }));
        let exclusions = vec![("vpc-1", ExclusionMode::AllowEgress), ("subnet-1", ExclusionMode::AllowBidirectional)];
        assert_eq!(shown(&imported), (BlockMode::BlockBidirectional, exclusions));
        assert_eq!(ignored(&imported), ["vpcbpa-exclude-3", "vpcbpa-exclude-4"]);
        assert!(codes(&imported).is_empty());
        let counted: Vec<_> = imported.files[0].keys.iter().filter(|it| it.key.contains("BlockPublic")).collect();
        assert_eq!(counted.iter().map(|it| it.count).collect::<Vec<_>>(), [4, 1]);
    }

    #[test]
    fn accounts_may_allow_no_exclusions() {
        let mut options = options("block-ingress");
        options["ExclusionsAllowed"] = json!("not-allowed");
        let imported = import_over(json!({"VpcBlockPublicAccessOptions": options, "VpcBlockPublicAccessExclusions": [
            exclusion("vpcbpa-exclude-1", "vpc/vpc-1", "allow-bidirectional", "create-complete")]}));
        assert_eq!(shown(&imported), (BlockMode::BlockIngress, vec![]));
        assert_eq!(ignored(&imported), ["vpcbpa-exclude-1"]);
    }

    #[test]
    fn regions_have_options_of_their_own() {
        let of = |region: &str, mode: &str| {
            let mut options = options(mode);
            options["AwsRegion"] = json!(region);
            json!({"VpcBlockPublicAccessOptions": options})
        };
        let read = |states: Value| {
            let mut over = json!({
                "Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}, {"VpcId": "vpc-2", "CidrBlock": "10.2.0.0/16"},
                    {"VpcId": "vpc-3", "CidrBlock": "10.3.0.0/16", "BlockPublicAccessStates": states}],
                "Subnets": [
                    {"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "us-east-1a"},
                    {"SubnetId": "subnet-2", "VpcId": "vpc-2", "CidrBlock": "10.2.1.0/24", "AvailabilityZone": "eu-west-1b"}],
            });
            over["eu"] = of("eu-west-1", "off");
            over["us"] = of("us-east-1", "block-bidirectional");
            import_over(over)
        };
        let imported = read(json!(null));
        let weaker = vec![("vpc-2", ExclusionMode::AllowBidirectional)];
        assert_eq!(shown(&imported), (BlockMode::BlockBidirectional, weaker));
        let said = |imported: &Imported, code: &str| -> Vec<String> {
            let notes = imported.network.assumptions.iter().filter(|it| it.code == code);
            notes.map(|it| it.place.clone()).collect()
        };
        // Nothing tells where the third one is.
        assert_eq!(said(&imported, codes::CONFLICTING_COPIES), ["vpc-3"]);
        assert_eq!(said(&imported, codes::BLOCK_PUBLIC_ACCESS), ["vpc-2"]);
        let imported = read(json!({"InternetGatewayBlockMode": "block-ingress"}));
        let weaker = vec![("vpc-2", ExclusionMode::AllowBidirectional), ("vpc-3", ExclusionMode::AllowEgress)];
        assert_eq!(shown(&imported), (BlockMode::BlockBidirectional, weaker));
        assert!(said(&imported, codes::CONFLICTING_COPIES).is_empty());
    }

    #[test]
    fn other_modes_are_errors() {
        let error = try_import(&complete(json!({"VpcBlockPublicAccessOptions": options("block")}))).unwrap_err();
        assert!(
            error.to_string().contains("VpcBlockPublicAccessOptions[0].InternetGatewayBlockMode: expected off"),
            "{error}"
        );
        let exclusion = exclusion("vpcbpa-exclude-1", "vpc/vpc-1", "allow", "create-complete");
        let error = try_import(&complete(json!({"VpcBlockPublicAccessExclusions": [exclusion]}))).unwrap_err();
        assert!(error.to_string().contains("InternetGatewayExclusionMode: expected allow-bidirectional"), "{error}");
    }

    #[test]
    fn without_options_the_resources_tell() {
        let states = |mode: &str| json!({"InternetGatewayBlockMode": mode});
        let over = |vpc: &str, subnet: &str| {
            json!({
                "Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16", "BlockPublicAccessStates": states(vpc)}],
                "Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24",
                    "BlockPublicAccessStates": states(subnet)}],
            })
        };
        let imported = import_over(over("block-bidirectional", "off"));
        let exclusions = vec![("subnet-1", ExclusionMode::AllowBidirectional)];
        assert_eq!(shown(&imported), (BlockMode::BlockBidirectional, exclusions));
        assert_eq!(codes(&imported), [codes::BLOCK_PUBLIC_ACCESS, codes::BLOCK_PUBLIC_ACCESS]);
        let imported = import_over(over("block-ingress", "block-ingress"));
        assert_eq!(shown(&imported), (BlockMode::BlockIngress, vec![]));
        let imported = import_over(over("off", "off"));
        assert_eq!((shown(&imported), codes(&imported).len()), ((BlockMode::Off, vec![]), 0));
        // The options are the authority.
        let mut told = over("block-bidirectional", "off");
        told["VpcBlockPublicAccessOptions"] = options("off");
        assert_eq!(shown(&import_over(told)), (BlockMode::Off, vec![]));
    }
}
