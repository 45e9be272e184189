//! The AWS CLI commands that make a dump: for each key the calls that answer with it, as a shell script.

use std::fmt::Write;

use crate::dump::Key;

/// A call, of which nothing else than this is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// Once.
    Once(&'static str),
    /// Once for each thing of another call; the file is named by it, for nothing in the answer does it.
    Each(&'static Parts, &'static str),
}

/// Things of which other calls tell parts.
#[derive(Debug, PartialEq, Eq)]
struct Parts {
    /// What the script calls one of them.
    variable: &'static str,
    /// The call that lists them.
    listed_by: &'static str,
    /// What of its answer are their ids.
    query: &'static str,
    /// The option that takes one of them.
    option: &'static str,
}

/// Those of customers, and AWS's own.
const PREFIX_LISTS: Parts = Parts {
    variable: "list",
    listed_by: "describe-managed-prefix-lists",
    query: "PrefixLists[].PrefixListId",
    option: "--prefix-list-id",
};
const TRANSIT_GATEWAY_ROUTE_TABLES: Parts = Parts {
    variable: "table",
    listed_by: "describe-transit-gateway-route-tables",
    query: "TransitGatewayRouteTables[].TransitGatewayRouteTableId",
    option: "--transit-gateway-route-table-id",
};

/// The calls whose answers have a key.
fn calls(key: Key) -> &'static [Call] {
    use Call::{Each, Once};
    match key {
        Key::Vpcs => &[Once("describe-vpcs")],
        Key::Subnets => &[Once("describe-subnets")],
        Key::RouteTables => &[Once("describe-route-tables")],
        Key::NetworkAcls => &[Once("describe-network-acls")],
        Key::SecurityGroups => &[Once("describe-security-groups")],
        Key::SecurityGroupRules => &[Once("describe-security-group-rules")],
        Key::SecurityGroupVpcAssociations => &[Once("describe-security-group-vpc-associations")],
        Key::NetworkInterfaces => &[Once("describe-network-interfaces")],
        Key::Reservations => &[Once("describe-instances")],
        Key::Addresses => &[Once("describe-addresses")],
        Key::InternetGateways => &[Once("describe-internet-gateways")],
        Key::EgressOnlyInternetGateways => &[Once("describe-egress-only-internet-gateways")],
        Key::NatGateways => &[Once("describe-nat-gateways")],
        Key::VpcEndpoints => &[Once("describe-vpc-endpoints")],
        Key::PrefixLists => &[Once("describe-managed-prefix-lists"), Once("describe-prefix-lists")],
        Key::Entries => &[Each(&PREFIX_LISTS, "get-managed-prefix-list-entries")],
        Key::VpcBlockPublicAccessOptions => &[Once("describe-vpc-block-public-access-options")],
        Key::VpcBlockPublicAccessExclusions => &[Once("describe-vpc-block-public-access-exclusions")],
        Key::VpcPeeringConnections => &[Once("describe-vpc-peering-connections")],
        Key::VpnGateways => &[Once("describe-vpn-gateways")],
        Key::FlowLogs => &[Once("describe-flow-logs")],
        Key::TransitGateways => &[Once("describe-transit-gateways")],
        Key::TransitGatewayVpcAttachments => &[Once("describe-transit-gateway-vpc-attachments")],
        Key::TransitGatewayAttachments => &[Once("describe-transit-gateway-attachments")],
        Key::TransitGatewayRouteTables => &[Once("describe-transit-gateway-route-tables")],
        Key::TransitGatewayRouteTablePropagations => {
            &[Each(&TRANSIT_GATEWAY_ROUTE_TABLES, "get-transit-gateway-route-table-propagations")]
        }
        Key::Associations => &[Each(&TRANSIT_GATEWAY_ROUTE_TABLES, "get-transit-gateway-route-table-associations")],
        // The call wants a filter; these are all states that its answer may have.
        Key::Routes => &[Each(
            &TRANSIT_GATEWAY_ROUTE_TABLES,
            "search-transit-gateway-routes --filters Name=state,Values=active,blackhole",
        )],
    }
}

/// What the script says of itself, and what it wants to know.
const HEADER: &str = r#"#!/bin/sh
# Makes a dump for vpcemu: what the AWS CLI says of the network in one region of one account.
# It only reads (describe, get, search), and writes JSON files into a directory.
#
#   REGION=eu-west-1 sh collect.sh        with the credentials that the AWS CLI has
#   OUT=dump REGION=eu-west-1 sh collect.sh
#   vpcemu check dump
#
# For several regions or accounts run it once each, into directories of one directory.
# A call that is refused makes no file; the others go on, and the end is an error.
set -eu
OUT="${OUT:-dump}"
REGION="${REGION:-${AWS_REGION:-${AWS_DEFAULT_REGION:?say which region: REGION=eu-west-1 sh collect.sh}}}"
mkdir -p "$OUT"

bad=0
not_made() {
    echo "not made: $1" >&2
    bad=1
}
# The rest of the line into the file that comes first. What a call began before it failed is no answer, nor is that of an
# earlier run.
get() {
    file="$1"
    shift
    rm -f "$file"
    if "$@" > "$file.part"; then
        mv "$file.part" "$file"
    else
        rm -f "$file.part"
        not_made "$file"
    fi
}
"#;

/// How the script ends: with what was made, and with an error where that is not everything.
const FOOTER: &str = r#"
if [ "$bad" -ne 0 ]; then
    echo "made $OUT in part, see above: vpcemu check $OUT says what it assumes instead" >&2
    exit 1
fi
echo "made $OUT: vpcemu check $OUT" >&2
"#;

/// A POSIX shell script that makes a dump of everything that is read. It holds no credentials; the AWS CLI has them.
pub fn collect_script() -> String {
    let calls = || Key::every().flat_map(calls);
    let mut script = HEADER.to_owned();
    // Writing to a string cannot fail.
    for call in calls() {
        if let Call::Once(call) = call {
            let _ = writeln!(script, "get \"$OUT/{call}.json\" aws ec2 {call} --region \"$REGION\" --output json");
        }
    }
    for parts in [&PREFIX_LISTS, &TRANSIT_GATEWAY_ROUTE_TABLES] {
        let Parts { variable, listed_by, query, option } = parts;
        let _ = writeln!(
            script,
            "\n{variable}s=$(aws ec2 {listed_by} --region \"$REGION\" --query '{query}' --output text) || {{\n    \
             {variable}s=\n    not_made \"$OUT: what is asked for each of {listed_by}\"\n}}\n\
             for {variable} in ${variable}s; do"
        );
        for call in calls() {
            match call {
                Call::Each(of, call) if *of == parts => {
                    let name = call.split_once(' ').map_or(*call, |(name, _)| name);
                    let _ = writeln!(
                        script,
                        "    get \"$OUT/{name}.${variable}.json\" \\\n        \
                         aws ec2 {call} {option} \"${variable}\" --region \"$REGION\" --output json"
                    );
                }
                _ => {}
            }
        }
        script.push_str("done\n");
    }
    script.push_str(FOOTER);
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_command_in_the_script() {
        let script = collect_script();
        for key in Key::every() {
            assert!(!calls(key).is_empty(), "{key:?}");
            for call in calls(key) {
                let (Call::Once(call) | Call::Each(_, call)) = call;
                assert_eq!(script.matches(&format!("aws ec2 {call} ")).count(), occurrences(call), "{call}\n{script}");
            }
        }
    }

    /// Once, and once more where its answer tells what other calls are made for.
    fn occurrences(call: &str) -> usize {
        1 + [&PREFIX_LISTS, &TRANSIT_GATEWAY_ROUTE_TABLES].iter().filter(|parts| parts.listed_by == call).count()
    }

    /// Runs the script with something in the place of the AWS CLI: what it says, whether all went well, and the files made.
    #[cfg(unix)]
    fn run(answers: &str) -> (String, bool, Vec<String>) {
        use std::os::unix::fs::PermissionsExt;
        use std::process::Command;

        let folder = tempfile::tempdir().unwrap();
        let command = folder.path().join("aws");
        std::fs::write(&command, format!("#!/bin/sh\ncase \"$*\" in\n{answers}\n*) echo '{{}}' ;;\nesac\n")).unwrap();
        std::fs::set_permissions(&command, PermissionsExt::from_mode(0o755)).unwrap();
        let mut path = folder.path().as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let out = folder.path().join("dump");
        let mut shell = Command::new("sh");
        shell.args(["-c", &collect_script()]).env("PATH", path).env("OUT", &out).env("REGION", "eu-west-1");
        let output = shell.output().unwrap();
        let mut files: Vec<String> =
            std::fs::read_dir(out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        (String::from_utf8(output.stderr).unwrap(), output.status.success(), files)
    }

    #[cfg(unix)]
    #[test]
    fn refused_calls_make_no_file_and_stop_no_other() {
        let lists = "*PrefixLists[]*) echo 'pl-1 pl-2' ;;";
        let (said, well, all) = run(lists);
        assert!(well && said.starts_with("made "), "{said}");
        assert!(all.contains(&"get-managed-prefix-list-entries.pl-2.json".to_owned()), "{all:?}");

        let refused = "*describe-subnets*|*pl-1*) echo '{\"cut'; echo denied >&2; exit 254 ;;";
        let (said, well, files) = run(&format!("{refused}\n{lists}"));
        assert!(!well && said.contains("describe-subnets.json\n") && said.contains(" in part"), "{said}");
        let missing: Vec<&String> = all.iter().filter(|name| !files.contains(name)).collect();
        assert_eq!(missing, ["describe-subnets.json", "get-managed-prefix-list-entries.pl-1.json"]);
        assert_eq!(files.len() + missing.len(), all.len());

        let (said, well, files) = run("*PrefixLists[]*) exit 254 ;;");
        assert!(!well && said.contains("each of describe-managed-prefix-lists\n"), "{said}");
        assert!(files.contains(&"describe-managed-prefix-lists.json".to_owned()), "{files:?}");
    }

    #[test]
    fn nothing_is_changed_and_no_secret_is_asked_for() {
        for line in collect_script().lines().filter(|line| line.contains("aws ec2 ")) {
            let call = line.split("aws ec2 ").nth(1).unwrap();
            assert!(["describe-", "get-", "search-"].iter().any(|verb| call.starts_with(verb)), "{line}");
        }
        assert!(!collect_script().to_lowercase().contains("secret"));
    }
}
