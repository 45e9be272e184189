//! Large configurations, good and bad: what they mean is what small ones mean, and nothing in them is looked for among
//! all of them. There is no clock here; were one of these quadratic, it would be felt.

use std::collections::BTreeMap;
use std::fmt::Write;

use vpcemu_dataplane::{DropReason, Options, Timeline};
use vpcemu_import::load;
use vpcemu_model::finding::{Finding, Severity};
use vpcemu_model::{Network, native, validate::validate};
use vpcemu_tests::{Lab, large, syn};

fn native_network() -> Network {
    native::parse("large.toml", &large::native()).unwrap_or_else(|error| panic!("{error}")).network
}

fn imported_network() -> Network {
    let folder = tempfile::tempdir().unwrap();
    large::dumps(folder.path()).unwrap();
    let imported = load(folder.path(), &vpcemu_import::Options::default()).unwrap();
    assert_eq!(imported.network.assumptions, []);
    imported.network
}

fn texts(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.text.as_str()).collect()
}

#[test]
fn the_file_and_the_dumps_of_one_account_describe_the_same() {
    let [file, dumps] = [native_network(), imported_network()];
    for network in [&file, &dumps] {
        assert_eq!(network.subnets.len(), 1_000);
        // The NAT gateway has one too.
        assert_eq!(network.interfaces.len(), 10_001);
        // Besides the rules that AWS makes with the VPC.
        let groups = network.security_groups.iter().filter(|group| !group.id.as_str().ends_with("-default"));
        assert_eq!(groups.map(|group| group.ingress.len() + group.egress.len()).sum::<usize>(), 10_000);
        let findings = validate(network);
        let (lints, warnings): (Vec<_>, Vec<_>) = findings.into_iter().partition(|it| it.severity == Severity::Lint);
        assert_eq!(texts(&warnings), large::FINDINGS);
        assert!(warnings.iter().all(|finding| finding.severity == Severity::Warning));
        // One for each thing that is odd, however many have to do with it.
        let mut odd: BTreeMap<&str, usize> = BTreeMap::new();
        lints.iter().for_each(|lint| *odd.entry(lint.code).or_default() += 1);
        assert_eq!(odd, BTreeMap::from(large::LINTS));
    }
    for (file, dumps) in file.subnets.iter().zip(&dumps.subnets) {
        assert_eq!((&file.id, &file.cidrs, &file.route_table), (&dumps.id, &dumps.cidrs, &dumps.route_table));
        assert_eq!((&file.network_acl, &file.availability_zone), (&dumps.network_acl, &dumps.availability_zone));
    }
    let interfaces = |network: &Network| {
        let mut interfaces: Vec<_> = network.interfaces.clone();
        interfaces.sort_by(|one, other| one.id.cmp(&other.id));
        let facts =
            interfaces.into_iter().map(|it| (it.id, it.subnet, it.kind, it.ipv4, it.security_groups, it.in_use));
        facts.collect::<Vec<_>>()
    };
    assert_eq!(interfaces(&file), interfaces(&dumps));
}

#[test]
fn a_rule_about_ten_thousand_members_is_one_rule() {
    for network in [native_network(), imported_network()] {
        let mut lab = Lab::of(&[network], Options::default());
        let (first, last) = (large::address(0), large::address(9_999));
        let asked = lab.leave("eni-h0", syn(&format!("{first}:4000"), &format!("{last}:{}", large::PORT)));
        let asked = asked.delivered("eni-h9999");
        // The group of everyone is the first of each.
        assert_eq!(asked.rules.first().map(String::as_str), Some("sgr-g0-out-1"));
        assert_eq!(asked.rules.last().map(String::as_str), Some("sgr-g0-in-1"));
        // What is no member is not let in by it.
        lab.leave("eni-h0", syn(&format!("{first}:4000"), &format!("{last}:6999")))
            .dropped(DropReason::SecurityGroup, "eni-h0");
    }
}

#[test]
fn rules_are_compiled_once_for_each_group() {
    let network = native_network();
    let timeline = Timeline::compile(&[network]);
    let sharing = timeline.fabric(0).rule_tables();
    // 200 groups and the default one, which nothing has, in two directions, and three groups on each of 10,000 interfaces.
    assert_eq!((sharing.tables, sharing.uses), (2 * large::GROUPS, 2 * 3 * large::INTERFACES));
    assert_eq!(sharing.rules, 10_000);
}

/// A file with one VPC, one group, and as many instances as its subnet takes.
fn instances(count: usize, instance: impl Fn(usize) -> String) -> String {
    let mut text = String::from(
        "[vpc.main]\ncidrs = [\"10.0.0.0/16\"]\n[subnet.a]\ncidrs = [\"10.0.0.0/16\"]\n[security_group.web]\n",
    );
    for number in 0..count {
        writeln!(text, "[instance.h{number}]\n{}", instance(number)).unwrap();
    }
    text
}

#[test]
fn addresses_are_chosen_in_turn() {
    let text = instances(10_000, |_| "subnet = \"a\"".to_owned());
    let network = native::parse("large.toml", &text).unwrap_or_else(|error| panic!("{error}")).network;
    let address = |at: usize| network.interfaces[at].ipv4[0].private.to_string();
    assert_eq!([address(0), address(1), address(9_999)], ["10.0.0.4", "10.0.0.5", "10.0.39.19"]);
    assert_eq!(network.assumptions.len(), 10_000);
}

#[test]
fn ten_thousand_wrong_names_are_ten_thousand_findings() {
    let text = instances(10_000, |n| format!("subnet = \"a\"\nsecurity_groups = [\"team-{n}\"]"));
    let Err(native::Error::Invalid { findings, .. }) = native::parse("large.toml", &text) else { panic!() };
    assert_eq!(findings.len(), 10_001);
    // Errors come first.
    let (wrong, [quota]) = findings.split_at(10_000) else { panic!() };
    assert_eq!(quota.text, "the zone a has 10000 network interfaces, above the default quota of 5000");
    assert_eq!(findings[0].text, "`h0` names sg-team-0, which does not exist");
    assert_eq!(findings[0].help.as_deref(), Some("there is sg-main-default, sg-web"));
    let last = wrong.last().unwrap();
    assert_eq!(last.text, "`h9999` names sg-team-9999, which does not exist");
    // Nobody reads that many hints.
    assert_eq!((findings[99].help.is_some(), findings[100].help.as_deref()), (true, None));
    assert_eq!((last.help.as_deref(), last.origin.line), (None, Some(30_005)));
}

#[test]
fn a_list_of_many_names_ends() {
    let text = instances(1_000, |_| "subnet = \"a\"".to_owned())
        + "[eni.x]\nsubnet = \"a\"\naddresses = [\"10.0.200.1\"]\ninstance = \"database\"\n";
    let Err(native::Error::Invalid { findings, .. }) = native::parse("large.toml", &text) else { panic!() };
    assert_eq!(texts(&findings), ["`x` names i-database, which does not exist"]);
    let help = findings[0].help.as_deref().unwrap();
    assert_eq!(
        help,
        "there is i-h0, i-h1, i-h10, i-h100, i-h101, i-h102, i-h103, i-h104, i-h105, i-h106, i-h107, i-h108, i-h109, i-h11, \
         i-h110, i-h111, i-h112, i-h113, i-h114, i-h115 and 980 more"
    );
}

#[test]
fn every_wrong_block_of_a_long_list_is_shown_where_it_is() {
    let mut text = String::from("[vpc.main]\ncidrs = [\"10.0.0.0/16\"]\n[prefix_list.long]\nentries = [\n");
    for number in 0..10_000 {
        writeln!(text, "  \"20.{}.{}.1/24\",", number / 256, number % 256).unwrap();
    }
    text.push_str("]\n");
    let loaded = native::parse("large.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    let (quota, blocks): (Vec<_>, Vec<_>) = loaded.findings.iter().partition(|finding| finding.code == "quota");
    assert_eq!(
        quota.iter().map(|finding| finding.text.as_str()).collect::<Vec<_>>(),
        ["pl-long has 10000 entries, above the default quota of 1000"]
    );
    assert_eq!(blocks.len(), 10_000);
    for (number, finding) in blocks.iter().enumerate() {
        assert_eq!(finding.origin.line, Some(5 + number as u32));
    }
    assert_eq!(blocks[9_999].text, "pl-long has the block 20.39.15.1/24, whose address has bits set behind the prefix");
}
